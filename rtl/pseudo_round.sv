// pseudo_round: a power of two divides, in pseudo-stochastic rounding of the magnitude.
//   m = |value| >> shift, one more where the upper half of the bits shifted out is larger than the lower half (of an odd
//   count the middle bit is in neither); of one bit alone half to even; result = m with the value's sign
// Golden: accel_models.arithmetic.pseudo_shift. Latency 0. |value| <= 2^62.
// Combinational path: all inputs -> result_o.
`default_nettype none
module pseudo_round (
  input  wire logic signed [63:0] value_i,
  input  wire logic         [5:0] shift_i,  // 0 .. 62
  output      logic signed [63:0] result_o
);
  localparam int unsigned HalfW = 31;  // bits of the largest half

  logic      [63:0] magnitude, floor, rounded;
  logic       [5:0] half;
  logic [HalfW-1:0] mask, upper, lower;
  logic             up;
  assign magnitude = value_i[63] ? 64'(-value_i) : 64'(value_i);
  assign floor     = magnitude >> shift_i;
  assign half      = shift_i >> 1;
  assign mask      = ~({HalfW{1'b1}} << half);
  assign upper     = HalfW'(magnitude >> (shift_i - half)) & mask;
  assign lower     = magnitude[HalfW-1:0] & mask;
  assign up        = (shift_i == 6'd1) ? magnitude[0] && magnitude[1] : upper > lower;
  assign rounded   = floor + 64'(up);
  assign result_o  = value_i[63] ? -$signed(rounded) : $signed(rounded);
endmodule
`default_nettype wire
