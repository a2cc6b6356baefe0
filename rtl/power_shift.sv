// power_shift: a code times a power of two.
//   value = code * 2^up, half up where up is negative
// Golden: accel_models.arithmetic.moved. Latency 0. Combinational path: all inputs -> value_o.
`default_nettype none
module power_shift (
  input  wire logic  [7:0] code_i,  // signed
  input  wire logic  [4:0] up_i,    // signed, -16 .. 15
  output      logic [23:0] value_o  // signed
);
  logic signed [23:0] code, half;
  logic         [4:0] down;
  assign code    = 24'($signed(code_i));
  assign down    = -up_i;
  assign half    = 24'sd1 <<< (down - 5'd1);
  assign value_o = up_i[4] ? 24'((code + half) >>> down) : 24'(code <<< up_i);
endmodule
`default_nettype wire
