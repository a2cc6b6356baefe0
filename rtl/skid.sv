// skid: two-entry valid/ready register that cuts every combinational path of a stream.
//   the outputs are the inputs, in order, none lost, none added
// Golden: the identity. Latency 1, throughput 1/cycle. Combinational path: none; ready_o and valid_o are registers.
`default_nettype none
module skid #(
  parameter int unsigned Width = 8
) (
  input  wire logic             clk_i,
  input  wire logic             rst_ni,
  input  wire logic             valid_i,
  output      logic             ready_o,
  input  wire logic [Width-1:0] data_i,
  output      logic             valid_o,
  input  wire logic             ready_i,
  output      logic [Width-1:0] data_o
);
  logic [Width-1:0] spare_q;  // what arrived in the cycle in which the output stalled; held while ready_o is low

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      ready_o <= 1'b1;
      valid_o <= 1'b0;
    end else if (!valid_o || ready_i) begin
      ready_o <= 1'b1;
      valid_o <= valid_i || !ready_o;
    end else if (valid_i) begin
      ready_o <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!valid_o || ready_i) data_o <= ready_o ? data_i : spare_q;
    if (ready_o) spare_q <= data_i;
  end
endmodule
`default_nettype wire
