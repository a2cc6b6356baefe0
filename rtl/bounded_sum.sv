// bounded_sum: what enters the requantizer, and what its range is taken of.
//   sum = zero ? 0 : acc + bias, exactly; value = training ? clip(sum, +-bound) : sum that wraps at 32 bits
// Golden: accel_models.golden.training.scaled; wrap32 of accel_models.arithmetic otherwise. Latency 0.
// Combinational path: all inputs -> sum_o, value_o.
`default_nettype none
module bounded_sum (
  input  wire logic               training_i,
  input  wire logic        [30:0] bound_i,
  input  wire logic signed [31:0] bias_i,
  input  wire logic signed [31:0] acc_i,
  input  wire logic               zero_i,
  output      logic signed [32:0] sum_o,
  output      logic signed [31:0] value_o
);
  logic signed [32:0] top;
  assign top   = $signed({2'b00, bound_i});
  assign sum_o = zero_i ? 33'sd0 : 33'(acc_i) + 33'(bias_i);

  always_comb begin
    value_o = sum_o[31:0];
    if (training_i && sum_o > top) value_o = top[31:0];
    else if (training_i && sum_o < -top) value_o = 32'(-top);
  end
endmodule
`default_nettype wire
