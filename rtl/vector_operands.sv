// vector_operands: what enters the requantizer: a sum, a window reduced tap by tap, or a function of two codes.
//   Requantize: sum      Add: a      Multiply: (a - zero_a) * (b - zero_b)      Rescale: a - zero_a
//   Maximum: the largest tap, one outside the image is -128      Average: the sum of taps, one outside adds nothing
//   other_o: the vector read last (b of an add, the residual)
// Golden: accel_models.golden.vector. Latency 0: value_o belongs to the step, whose vector is read_data_i; of two operands a
// is the first tap, kept in the window's register. One step per cycle.
// Combinational paths: the step, read_data_i, sums_i -> value_o, other_o. read_data_i need not hold while advance_i is low.
`default_nettype none
module vector_operands #(
  parameter int unsigned Columns = 4
) (
  input  wire logic                     clk_i,
  input  wire logic                     rst_ni,
  input  wire logic                     valid_i,      // a step of the loop nest, see vector_pkg::step_t
  input  wire logic                     read_i,
  input  wire logic                     first_i,
  input  wire logic                     advance_i,    // the step leaves
  input  wire logic               [2:0] kind_i,
  input  wire logic               [7:0] zero_a_i,
  input  wire logic               [7:0] zero_b_i,
  input  wire logic  [Columns-1:0][7:0] read_data_i,  // valid in the first cycle of a step
  input  wire logic [Columns-1:0][31:0] sums_i,       // holds
  output      logic [Columns-1:0][31:0] value_o,
  output      logic  [Columns-1:0][7:0] other_o
);
  localparam int unsigned WindowW = 24;  // 255 * 255 taps of 8 bits

  // A vector whose step has to stay is kept: the port gives it for one cycle.
  logic                    stayed_q;
  logic [Columns-1:0][7:0] kept_q;
  assign other_o = stayed_q ? kept_q : read_data_i;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) stayed_q <= 1'b0;
    else stayed_q <= !advance_i;
  end
  always_ff @(posedge clk_i) kept_q <= other_o;

  logic        [Columns-1:0][WindowW-1:0] window_q, window;
  logic signed               [WindowW-1:0] so_far, tap;
  logic signed                       [8:0] left, right;
  logic                              [7:0] code;
  logic                                    maximum;
  assign maximum = kind_i == vector_pkg::KindMaximum;

  always_comb begin
    for (int unsigned l = 0; l < Columns; l++) begin
      so_far = $signed(window_q[l]);
      code   = read_i ? other_o[l] : maximum ? 8'h80 : 8'h00;
      tap    = WindowW'($signed(code));
      if (first_i) window[l] = tap;
      else if (maximum) window[l] = (so_far > tap) ? so_far : tap;
      else window[l] = so_far + tap;

      left  = $signed({window_q[l][7], window_q[l][7:0]}) - 9'($signed(zero_a_i));
      right = 9'($signed(other_o[l])) - 9'($signed(zero_b_i));
      unique case (kind_i)
        vector_pkg::KindAdd:      value_o[l] = 32'(so_far);
        vector_pkg::KindMultiply: value_o[l] = 32'(left) * 32'(right);
        vector_pkg::KindRescale:  value_o[l] = 32'(tap) - 32'($signed(zero_a_i));
        vector_pkg::KindMaximum,
        vector_pkg::KindAverage:  value_o[l] = 32'($signed(window[l]));
        default:                  value_o[l] = sums_i[l];
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_i && advance_i) window_q <= window;
  end
endmodule
`default_nettype wire
