// noise_lane: random bits of one element, from a hash of its index.
//   random = mix(word)[31:16], mix: Bob Jenkins' integer hash, of adds, xors and shifts
// Golden: accel_models.arithmetic.mix. Latency 2, one value per enabled cycle. Combinational path: none.
`default_nettype none
module noise_lane (
  input  wire logic        clk_i,
  input  wire logic        enable_i,
  input  wire logic [31:0] word_i,   // key and index
  output      logic [15:0] random_o  // the first bits are the best
);
  logic [31:0] half_q;
  // Of the last word the low bits are nobody's.
  // verilator lint_off UNUSEDSIGNAL
  logic [31:0] a, b, c, d, e, f;
  // verilator lint_on UNUSEDSIGNAL
  assign a = word_i + 32'h7ED5_5D16 + (word_i << 12);
  assign b = a ^ 32'hC761_C23C ^ (a >> 19);
  assign c = b + 32'h1656_67B1 + (b << 5);
  assign d = (half_q + 32'hD3A2_646C) ^ (half_q << 9);
  assign e = d + 32'hFD70_46C5 + (d << 3);
  assign f = e ^ 32'hB55A_4F09 ^ (e >> 16);

  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      half_q   <= c;
      random_o <= f[31:16];
    end
  end
endmodule
`default_nettype wire
