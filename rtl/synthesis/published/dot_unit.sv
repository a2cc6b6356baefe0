// dot_unit: one dot-product unit of a published accelerator with its weights; for area only.
//   y = sum_i a[i] * w[i] + partial; weights double buffered, one register for the sum
// Written after the description of ITA (Islamoglu et al., ISLPED 2023): 16 units of 64 int8 products, 24-bit sums, two
// weight buffers. Golden: none; it is synthesized, never simulated. Combinational path: partial_i and a_i -> none; latency 1.
`default_nettype none
module dot_unit #(
  parameter int unsigned Width = 64
) (
  input  wire logic                   clk_i,
  input  wire logic                   load_i,
  input  wire logic                   swap_i,
  input  wire logic                   enable_i,
  input  wire logic  [Width-1:0][7:0] a_i,
  input  wire logic  [Width-1:0][7:0] w_i,
  input  wire logic            [23:0] partial_i,
  output      logic            [23:0] sum_o
);
  logic [Width-1:0][7:0] shadow_q, weights_q;
  logic [23:0] total;
  always_comb begin
    total = partial_i;
    for (int unsigned i = 0; i < Width; i++) total = total + 24'(16'($signed(a_i[i])) * 16'($signed(weights_q[i])));
  end
  always_ff @(posedge clk_i) begin
    if (load_i) shadow_q <= w_i;
    if (swap_i) weights_q <= shadow_q;
    if (enable_i) sum_o <= total;
  end
endmodule
`default_nettype wire
