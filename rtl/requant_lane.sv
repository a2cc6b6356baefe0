// requant_lane: one lane of the requantizer, without a handshake.
//   y = clamp(zero_point + scale(wrap32(acc + bias), mult, shift), low, high)
//   scale, single rounding:  (v*mult + 2^(shift-1)) >>> shift                              (half up)
//   scale, double rounding:  v << max(31-shift, 0) wraps at 32 bits; h = (v*mult + 2^30) >>> 31   (half up);
//                            then h * 2^-max(shift-31, 0), half away from zero
// Golden: accel_models.arithmetic.requantize. Latency 3 (bias, product, shift and clamp), one value per enabled cycle.
// Combinational path: none. `mult_i` is in 31-bit form; with MultW = 16 only its high 15 bits exist, the low 16 are zero.
`default_nettype none
module requant_lane #(
  parameter int unsigned MultW = 31  // 31, or 16 for the cheaper multiplier
) (
  input  wire logic               clk_i,
  input  wire logic               enable_i,      // every stage advances
  input  wire logic               double_i,      // this and all below: constant while values are in flight
  input  wire logic signed  [7:0] zero_point_i,
  input  wire logic signed  [7:0] low_i,
  input  wire logic signed  [7:0] high_i,
  input  wire logic signed [31:0] bias_i,
  input  wire logic        [30:0] mult_i,
  input  wire logic         [5:0] shift_i,       // 1 .. 62
  input  wire logic signed [31:0] acc_i,
  output      logic signed  [7:0] data_o
);
  localparam int unsigned FactorW = (MultW == 16) ? 15 : 31;
  localparam int unsigned GrainW  = 31 - FactorW;  // low bits of the multiplier that are zero
  localparam int unsigned ProdW   = 32 + FactorW;

  if (MultW != 16 && MultW != 31) begin : gen_bad_width
    $error("MultW: want 16 or 31");
  end

  // Stage 1: bias, and the left shift of double rounding.
  logic        [31:0] biased;
  logic         [5:0] left;
  logic signed [31:0] value_q;
  assign biased = acc_i + bias_i;
  assign left   = (double_i && shift_i < 6'd31) ? 6'd31 - shift_i : 6'd0;

  // Stage 2: product.
  logic signed [FactorW:0] factor;
  logic signed [ProdW-1:0] product_q;
  assign factor = $signed({1'b0, mult_i[30:GrainW]});

  // Stage 3: round, shift, zero point, clamp. Double rounding is half up at bit 31 and then the same shifter; half away
  // from zero is half up, less one for a negative value.
  logic signed [63:0] product, high, rounded, shifted, total, low, top;
  logic         [5:0] right;
  logic               any_right, away;
  assign product   = 64'(product_q) <<< GrainW;
  assign high      = (product + (64'sd1 <<< 30)) >>> 31;
  assign right     = !double_i ? shift_i : (shift_i > 6'd31) ? shift_i - 6'd31 : 6'd0;
  assign any_right = right != 6'd0;
  assign away      = double_i && high[63] && any_right;
  assign rounded   = (double_i ? high : product) + (any_right ? 64'sd1 <<< (right - 6'd1) : 64'sd0) - 64'(away);
  assign shifted   = rounded >>> right;
  assign total     = shifted + 64'(zero_point_i);
  assign low       = 64'(low_i);
  assign top       = 64'(high_i);

  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      value_q   <= $signed(biased << left);
      product_q <= ProdW'(value_q) * ProdW'(factor);
      data_o    <= (total > top) ? high_i : (total < low) ? low_i : total[7:0];
    end
  end

  if (GrainW != 0) begin : gen_short_multiplier
    always_ff @(posedge clk_i) begin
      a_multiplier_fits : assert (mult_i[GrainW-1:0] == '0 || !enable_i);
    end
  end
endmodule
`default_nettype wire
