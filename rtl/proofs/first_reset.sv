// first_reset: assumes that the first cycle of all is a reset; later resets come when they like.
// Golden: none. Combinational path: none; it has no outputs.
`default_nettype none
module first_reset (
  input wire logic clk_i,
  input wire logic rst_ni
);
  logic begun_q;
  initial begun_q = 1'b0;
  always_ff @(posedge clk_i) begun_q <= 1'b1;
  always_comb begin
    m_first_cycle_is_a_reset : assume (begun_q || !rst_ni);
  end
endmodule
`default_nettype wire
