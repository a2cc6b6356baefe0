// requant_lane: one lane of the requantizer, without a handshake.
//   y = clamp(offset +- scale(v, mult, shift), low, high), v: bounded_sum of acc and bias
//   scale, half up:  (v*mult + 2^(shift-1)) >>> shift, v*mult with shift 0
//   scale, double:   v << max(31-shift, 0) wraps at 32 bits; h = (v*mult + 2^30) >>> 31   (half up);
//                    then h * 2^-max(shift-31, 0), half away from zero
//   scale, pseudo:   pseudo_round of v*mult
//   scale, indexed:  (v*mult + ((2r + 1) * 2^shift >>> (random_bits + 1))) >>> shift, r: that many bits of noise_lane
// Golden: accel_models.arithmetic.requantize; updated. Latency 3 (sum, product, shift and clamp), one value per enabled
// cycle. Combinational path: acc_i, bias_i, zero_i -> sum_o. `mult_i` is in 31-bit form; with MultW = 16 only its high 15
// bits exist, the low 16 are zero.
`default_nettype none
module requant_lane #(
  parameter int unsigned MultW = 31  // 31, or 16 for the cheaper multiplier
) (
  input  wire logic               clk_i,
  input  wire logic               enable_i,    // every stage advances
  input  wire logic         [1:0] rounding_i,  // this and all up to shift_i: constant while values are in flight
  input  wire logic               training_i,  // the sum is clipped
  input  wire logic        [30:0] bound_i,
  input  wire logic               subtract_i,
  input  wire logic signed [15:0] low_i,
  input  wire logic signed [15:0] high_i,
  input  wire logic signed [31:0] bias_i,
  input  wire logic        [30:0] mult_i,
  input  wire logic         [5:0] shift_i,     // 1 .. 62, or 0 but for double rounding
  input  wire logic signed [15:0] offset_i,    // zero point or master, with acc
  input  wire logic               zero_i,      // the sum counts as 0
  input  wire logic         [4:0] random_bits_i,  // 1 .. 16
  input  wire logic        [31:0] index_i,     // with acc
  input  wire logic signed [31:0] acc_i,
  output      logic signed [32:0] sum_o,       // exact, at once
  output      logic         [7:0] data_o,
  output      logic         [7:0] upper_o,     // the second byte of results that have one
  output      logic               counted_o,   // with data_o: the sum was not 0,
  output      logic               lost_o       // and was scaled to 0
);
  localparam int unsigned FactorW = (MultW == 16) ? 15 : 31;
  localparam int unsigned GrainW  = 31 - FactorW;  // low bits of the multiplier that are zero
  localparam int unsigned ProdW   = 32 + FactorW;

  if (MultW != 16 && MultW != 31) begin : gen_bad_width
    $error("MultW: want 16 or 31");
  end

  // Stage 1: sum, and the left shift of double rounding.
  logic signed [31:0] biased, value_q;
  logic signed [15:0] offset_value_q, offset_q;  // offset waits
  logic         [5:0] left;
  logic               double_rounding;
  assign double_rounding = rounding_i == accel_pkg::RoundingDouble;
  assign left            = (double_rounding && shift_i < 6'd31) ? 6'd31 - shift_i : 6'd0;
  bounded_sum u_sum (
    .training_i(training_i),
    .bound_i   (bound_i),
    .bias_i    (bias_i),
    .acc_i     (acc_i),
    .zero_i    (zero_i),
    .sum_o     (sum_o),
    .value_o   (biased)
  );

  // Stage 2: product.
  logic signed [FactorW:0] factor;
  logic signed [ProdW-1:0] product_q;
  logic                    counted_q;
  assign factor = $signed({1'b0, mult_i[30:GrainW]});

  // Noise, as a part of one unit of the result: r and a half.
  logic [15:0] random, mask;
  logic [16:0] unit;
  logic [63:0] noise;
  assign mask  = ~(16'hFFFF >> random_bits_i);
  assign unit  = {random & mask, 1'b0} | (17'd1 << (5'd16 - random_bits_i));
  assign noise = (shift_i > 6'd17) ? 64'(unit) << (shift_i - 6'd17) : 64'(unit) >> (6'd17 - shift_i);
  noise_lane u_noise (
    .clk_i   (clk_i),
    .enable_i(enable_i),
    .word_i  (index_i),
    .random_o(random)
  );

  // Stage 3: round, shift, offset, clamp. Double rounding is half up at bit 31 and then the same shifter; half away from
  // zero is half up, less one for a negative value.
  logic signed [63:0] product, high, added, rounded, pseudo, shifted, total;
  logic         [5:0] right;
  logic               any_right, away;
  assign product   = 64'(product_q) <<< GrainW;
  assign high      = (product + (64'sd1 <<< 30)) >>> 31;
  assign right     = !double_rounding ? shift_i : (shift_i > 6'd31) ? shift_i - 6'd31 : 6'd0;
  assign any_right = right != 6'd0;
  assign away      = double_rounding && high[63] && any_right;
  assign added     = (rounding_i == accel_pkg::RoundingIndexed) ? $signed(noise) :
                     any_right ? 64'sd1 <<< (right - 6'd1) : 64'sd0;
  assign rounded   = (double_rounding ? high : product) + added - 64'(away);
  pseudo_round u_pseudo (
    .value_i (product),
    .shift_i (shift_i),
    .result_o(pseudo)
  );
  assign shifted = (rounding_i == accel_pkg::RoundingPseudoStochastic) ? pseudo : rounded >>> right;
  assign total   = subtract_i ? 64'(offset_q) - shifted : 64'(offset_q) + shifted;

  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      value_q           <= $signed(biased << left);
      offset_value_q    <= offset_i;
      product_q         <= ProdW'(value_q) * ProdW'(factor);
      offset_q          <= offset_value_q;
      counted_q         <= value_q != '0;
      {upper_o, data_o} <= (total > 64'(high_i)) ? high_i : (total < 64'(low_i)) ? low_i : total[15:0];
      counted_o         <= counted_q;
      lost_o            <= counted_q && shifted == '0;
    end
  end

  if (GrainW != 0) begin : gen_short_multiplier
    always_ff @(posedge clk_i) begin
      a_multiplier_fits : assert (mult_i[GrainW-1:0] == '0 || !enable_i);
    end
  end
endmodule
`default_nettype wire
