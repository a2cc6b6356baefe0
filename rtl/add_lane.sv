// add_lane: one lane of the addition that may follow the requantizer.
//   add:  y = clamp(zero_point + ((a - zero_a)*mult_a + (b - zero_b)*mult_b + 2^(shift-1)) >>> shift, low, high)
//   else: y = a
// Golden: accel_models.arithmetic.rescaled_add: the exact sum, one rounding, half up. Latency 2 from a (products; sum,
// shift and clamp), 5 from b, which waits here for the requantizer's three cycles; one value per enabled cycle.
// Combinational path: none. Multipliers in 31-bit form; with MultW = 16 only their high 15 bits are used.
`default_nettype none
module add_lane #(
  parameter int unsigned MultW = 31  // 31, or 16 for the cheaper multipliers
) (
  input  wire logic               clk_i,
  input  wire logic               enable_i,  // every stage advances
  input  wire logic               add_i,     // this and all but a and b: constant while values are in flight
  input  wire logic signed  [7:0] zero_a_i,
  input  wire logic signed  [7:0] zero_b_i,
  // With the short multiplier the low half is not used.
  // verilator lint_off UNUSEDSIGNAL
  input  wire logic        [30:0] mult_a_i,
  input  wire logic        [30:0] mult_b_i,
  // verilator lint_on UNUSEDSIGNAL
  input  wire logic         [5:0] shift_i,   // 1 .. 62
  input  wire logic signed  [7:0] zero_point_i,
  input  wire logic signed  [7:0] low_i,
  input  wire logic signed  [7:0] high_i,
  input  wire logic signed  [7:0] b_i,
  input  wire logic signed  [7:0] a_i,
  output      logic signed  [7:0] data_o
);
  localparam int unsigned FactorW = (MultW == 16) ? 15 : 31;
  localparam int unsigned GrainW  = 31 - FactorW;  // low bits of a multiplier that are zero
  localparam int unsigned ProdW   = 9 + FactorW;

  if (MultW != 16 && MultW != 31) begin : gen_bad_width
    $error("MultW: want 16 or 31");
  end

  // b waits.
  logic signed [7:0] b_bias_q, b_product_q, b_q;

  // Stage 1: products.
  logic signed       [8:0] code_a, code_b;
  logic signed [FactorW:0] factor_a, factor_b;
  logic signed [ProdW-1:0] product_a_q, product_b_q;
  logic signed       [7:0] a_q;
  assign code_a   = 9'(a_i) - 9'(zero_a_i);
  assign code_b   = 9'(b_q) - 9'(zero_b_i);
  assign factor_a = $signed({1'b0, mult_a_i[30:GrainW]});
  assign factor_b = $signed({1'b0, mult_b_i[30:GrainW]});

  // Stage 2: exact sum, round, shift, zero point, clamp.
  logic signed [63:0] sum, rounded, total, low, high;
  assign sum     = (64'(product_a_q) + 64'(product_b_q)) <<< GrainW;
  assign rounded = (sum + (64'sd1 <<< (shift_i - 6'd1))) >>> shift_i;
  assign total   = rounded + 64'(zero_point_i);
  assign low     = 64'(low_i);
  assign high    = 64'(high_i);

  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      b_bias_q    <= b_i;
      b_product_q <= b_bias_q;
      b_q         <= b_product_q;
      product_a_q <= ProdW'(code_a) * ProdW'(factor_a);
      product_b_q <= ProdW'(code_b) * ProdW'(factor_b);
      a_q         <= a_i;
      data_o      <= !add_i ? a_q : (total > high) ? high_i : (total < low) ? low_i : total[7:0];
    end
  end
endmodule
`default_nettype wire
