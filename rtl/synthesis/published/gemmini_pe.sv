// gemmini_pe: the processing element of a published systolic array with its share of the pipeline registers; for area only.
//   weight stationary: b_o = b + a * weight;  Both: or output stationary, sum += a * b, shifted and clipped on its way out
// Written after the description in ucb-bar/gemmini, src/main/scala/gemmini/PE.scala @0888fb71 (int8 operands, 20-bit
// partial sums, 32-bit sums, a double-buffered register, one register between PEs for everything that passes on).
// Golden: none; it is synthesized, never simulated. Combinational path: none. Latency 1.
`default_nettype none
module gemmini_pe #(
  parameter bit Both = 1'b1  // both dataflows; else weight stationary alone
) (
  input  wire logic               clk_i,
  input  wire logic signed  [7:0] a_i,
  input  wire logic signed [19:0] b_i,
  input  wire logic signed [19:0] d_i,
  input  wire logic         [6:0] control_i,  // dataflow, propagate, shift
  input  wire logic         [4:0] tag_i,      // valid, last, number of the product
  output      logic signed  [7:0] a_o,
  output      logic signed [19:0] b_o,
  output      logic signed [19:0] c_o,
  output      logic         [6:0] control_o,
  output      logic         [4:0] tag_o
);
  localparam int unsigned HeldW = Both ? 32 : 8;

  // What comes from the neighbours.
  logic signed [19:0] b_q, d_q;
  logic               valid;
  assign valid = tag_o[4];
  always_ff @(posedge clk_i) begin
    a_o       <= a_i;
    control_o <= control_i;
    tag_o     <= tag_i;
    if (tag_i[4]) begin
      b_q <= b_i;
      d_q <= d_i;
    end
  end

  logic signed [HeldW-1:0] held0_q, held1_q, used, sent;
  logic stationary, propagate, last_q;
  assign stationary = Both && !control_o[6];  // outputs stay
  assign propagate  = control_o[5];
  assign used       = propagate ? held1_q : held0_q;
  assign sent       = propagate ? held0_q : held1_q;

  logic signed  [7:0] factor;
  logic signed [31:0] addend, sum;
  assign factor = stationary ? b_q[7:0] : used[7:0];
  assign addend = stationary ? 32'(used) : 32'(b_q);
  assign sum    = addend + 32'(16'(a_o) * 16'(factor));
  assign b_o    = stationary ? b_q : sum[19:0];

  if (Both) begin : gen_shift  // rounds half to even, then clips
    logic signed [31:0] shifted, rounded;
    logic         [4:0] shift;
    logic               half, sticky;
    assign shift   = (last_q != propagate) ? control_o[4:0] : '0;
    assign half    = (shift != '0) && sent[shift-1'b1];
    assign sticky  = (sent & ((32'd1 << shift) - 32'd1) & ~(32'd1 << (shift - 1'b1))) != '0;
    assign shifted = sent >>> shift;
    assign rounded = shifted + 32'(half && (sticky || shifted[0]));
    assign c_o     = !stationary ? sent[19:0] : (rounded > 32'sd524287) ? 20'sd524287 :
                     (rounded < -32'sd524288) ? -20'sd524288 : rounded[19:0];
  end else begin : gen_pass
    assign c_o = 20'(sent);
  end

  always_ff @(posedge clk_i) begin
    if (valid) begin
      last_q <= propagate;
      if (propagate) held0_q <= HeldW'(d_q);
      else held1_q <= HeldW'(d_q);
      if (stationary && propagate) held1_q <= HeldW'(sum);
      if (stationary && !propagate) held0_q <= HeldW'(sum);
    end
  end
endmodule
`default_nettype wire
