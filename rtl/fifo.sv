// fifo: queue of Depth words between two valid/ready streams.
//   the outputs are the inputs, in order, none lost, none added
// Golden: the identity. Latency 1, throughput 1/cycle, also when full on one side only. Depth >= 2, any number.
// Combinational path: none; ready_o and valid_o depend on registers alone.
`default_nettype none
module fifo #(
  parameter  int unsigned Width  = 8,
  parameter  int unsigned Depth  = 4,
  localparam int unsigned IndexW = $clog2(Depth),
  localparam int unsigned CountW = $clog2(Depth + 1)
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
  logic  [Width-1:0] words_q [Depth];
  logic [IndexW-1:0] write_q, read_q;
  logic [CountW-1:0] count_q;
  logic              push, pop;

  assign ready_o = count_q != CountW'(Depth);
  assign valid_o = count_q != '0;
  assign data_o  = words_q[read_q];
  assign push    = valid_i && ready_o;
  assign pop     = valid_o && ready_i;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      write_q <= '0;
      read_q  <= '0;
      count_q <= '0;
    end else begin
      if (push) write_q <= (write_q == IndexW'(Depth - 1)) ? '0 : write_q + 1'b1;
      if (pop) read_q <= (read_q == IndexW'(Depth - 1)) ? '0 : read_q + 1'b1;
      count_q <= count_q + CountW'(push) - CountW'(pop);
    end
  end

  always_ff @(posedge clk_i) begin
    if (push) words_q[write_q] <= data_i;
  end
endmodule
`default_nettype wire
