// vector_operands: what enters the requantizer: a sum, a window reduced tap by tap, or a function of codes.
//   Requantize, Update: sum      Add: a      Multiply: (a - zero_a) * (b - zero_b)      Rescale: a - zero_a
//   Select: a where b is zero_b, else 0      Sum: a * 2^up_a + b * 2^up_b, half up where up is negative
//   Maximum: the largest tap, one outside the image is -128      Place: the number of the first tap that is the largest
//   Average: the sum of taps, one outside adds nothing
//   offset_o: the zero point, of an update the master      other_o: the vector read last (b of an add, the residual)
//   earlier_o: the vector before it, where the window is only a sum of its first tap (a of Compare)
//   index_o: what the noise of lane 0 is a hash of
//   zero_o: the value counts as 0, because the lane is not used, or by a mask: the vector read last
// Golden: accel_models.golden.vector and training. Latency 0: value_o belongs to the step, whose vector is read_data_i; of
// several operands a is the first tap, kept in the window's register. One step per cycle.
// Combinational paths: the step, read_data_i, sums_i -> all outputs. read_data_i need not hold while advance_i is low.
`default_nettype none
module vector_operands #(
  parameter  int unsigned Columns  = 4,
  localparam int unsigned ColumnsW = $clog2(Columns + 1)
) (
  input  wire logic                     clk_i,
  input  wire logic                     rst_ni,
  input  wire logic                     start_i,      // a command starts
  input  wire logic                     advance_i,    // the step leaves
  // It uses operands of the settings, not the rest; the last step is like others.
  // verilator lint_off UNUSEDSIGNAL
  input  wire vector_pkg::step_t        step_i,
  input  wire vector_pkg::settings_t    settings_i,
  // verilator lint_on UNUSEDSIGNAL
  input  wire logic      [ColumnsW-1:0] lanes_i,      // used
  input  wire logic  [Columns-1:0][7:0] read_data_i,  // valid in the first cycle of a step
  input  wire logic [Columns-1:0][31:0] sums_i,       // holds
  output      logic [Columns-1:0][31:0] value_o,
  output      logic [Columns-1:0][15:0] offset_o,
  output      logic       [Columns-1:0] zero_o,
  output      logic              [31:0] index_o,
  output      logic  [Columns-1:0][7:0] earlier_o,
  output      logic  [Columns-1:0][7:0] other_o
);
  localparam int unsigned WindowW = 24;  // 255 * 255 taps of 8 bits; a number below that and a code; 128 * 2^15, twice

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
  logic        [Columns-1:0][WindowW-1:0] lifted;
  logic signed               [WindowW-1:0] so_far, tap;
  logic signed                       [8:0] left, right;
  logic                              [7:0] code;
  logic                             [15:0] place_q, place;  // the number of the tap
  logic                                    largest;
  assign largest = settings_i.kind == vector_pkg::KindMaximum || settings_i.kind == vector_pkg::KindPlace;
  assign place   = step_i.first ? 16'd0 : place_q + 16'd1;

  for (genvar l = 0; l < Columns; l++) begin : gen_lane
    power_shift u_lift (
      .code_i (other_o[l]),
      .up_i   (step_i.first ? settings_i.up_a : settings_i.up_b),
      .value_o(lifted[l])
    );
  end

  always_comb begin
    for (int unsigned l = 0; l < Columns; l++) begin
      so_far = $signed(window_q[l]);
      code   = step_i.read ? other_o[l] : largest ? 8'h80 : 8'h00;
      tap    = WindowW'($signed(code));
      unique case (settings_i.kind)
        vector_pkg::KindMaximum: window[l] = (step_i.first || tap > so_far) ? tap : so_far;
        vector_pkg::KindPlace:   // {number of the largest so far, its code}
          window[l] = (step_i.first || $signed(code) > $signed(window_q[l][7:0])) ? {place, code} : window_q[l];
        vector_pkg::KindSum:     window[l] = step_i.first ? lifted[l] : step_i.third ? so_far : so_far + lifted[l];
        default:                 window[l] = step_i.first ? tap : so_far + tap;
      endcase

      left  = $signed({window_q[l][7], window_q[l][7:0]}) - 9'($signed(settings_i.zero_a));
      right = 9'($signed(other_o[l])) - 9'($signed(settings_i.zero_b));
      unique case (settings_i.kind)
        vector_pkg::KindAdd:      value_o[l] = 32'(so_far);
        vector_pkg::KindMultiply: value_o[l] = 32'(left) * 32'(right);
        vector_pkg::KindRescale:  value_o[l] = 32'(tap) - 32'($signed(settings_i.zero_a));
        vector_pkg::KindSelect:   value_o[l] = (right == '0) ? 32'(so_far) : '0;
        vector_pkg::KindPlace:    value_o[l] = 32'(window[l][23:8]);
        vector_pkg::KindSum,
        vector_pkg::KindMaximum,
        vector_pkg::KindAverage:  value_o[l] = 32'($signed(window[l]));
        default:                  value_o[l] = sums_i[l];
      endcase
      zero_o[l] = ColumnsW'(l) >= lanes_i || (settings_i.mask && $signed(other_o[l]) <= 8'sd0);
    end
  end

  // Of a window the last step goes on: of wide masters, whose steps all give values, the end of a row.
  index_walk #(
    .Columns(Columns)
  ) u_index (
    .clk_i         (clk_i),
    .start_i       (start_i),
    .dense_i       (settings_i.kind == vector_pkg::KindSum),
    .base_i        (settings_i.index_base),
    .row_stride_i  (settings_i.index_row_stride),
    .pixel_stride_i(settings_i.index_pixel_stride),
    .step_i        (step_i.valid && advance_i && (settings_i.wide ? step_i.row_end : step_i.emit)),
    .row_end_i     (step_i.row_end),
    .group_end_i   (step_i.group_end),
    .index_o       (index_o)
  );

  // Masters: of 16 bits the first bytes of all lanes' are the tap before this one.
  logic [2*Columns-1:0][7:0] halves;
  always_comb begin
    for (int unsigned l = 0; l < Columns; l++) begin
      earlier_o[l]        = window_q[l][7:0];
      halves[l]           = window_q[l][7:0];
      halves[Columns + l] = other_o[l];
    end
    for (int unsigned l = 0; l < Columns; l++) begin
      offset_o[l] = 16'($signed(settings_i.zero_point));
      if (settings_i.kind == vector_pkg::KindUpdate) begin
        offset_o[l] = settings_i.wide ? {halves[2*l + 1], halves[2*l]} : 16'($signed(other_o[l]));
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (step_i.valid && advance_i) begin
      window_q <= window;
      place_q  <= place;
    end
  end
endmodule
`default_nettype wire
