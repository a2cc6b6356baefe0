// command_queue: first-in first-out queue of the commands of one engine.
//   the outputs are the inputs, in order, none lost, none added; an empty queue hands its input on in the same cycle
// Golden: the deque of accel_models.timing (queue_depth). Latency 0, throughput 1/cycle.
// Combinational paths: push_valid_i, push_data_i -> pop_valid_o, pop_data_o; held_i -> push_ready_o.
// A command in the engine's front counts as queued while held_i is set: the engine has not taken it yet.
`default_nettype none
module command_queue #(
  parameter  int unsigned Depth  = 8,
  parameter  int unsigned Width  = 512,
  localparam int unsigned CountW = $clog2(Depth + 1),
  localparam int unsigned PlaceW = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  wire logic             clk_i,
  input  wire logic             rst_ni,
  input  wire logic             flush_i,       // drop everything
  input  wire logic             held_i,
  input  wire logic             push_valid_i,
  output      logic             push_ready_o,
  input  wire logic [Width-1:0] push_data_i,
  output      logic             pop_valid_o,
  input  wire logic             pop_ready_i,
  output      logic [Width-1:0] pop_data_o,
  output      logic             empty_o        // nothing stored
);
  logic  [Width-1:0] mem [Depth];
  logic [PlaceW-1:0] read_q, write_q;
  logic [CountW-1:0] count_q;
  logic push, pop, store, remove;

  assign empty_o      = count_q == '0;
  assign push_ready_o = count_q < CountW'(Depth) && !(held_i && count_q == CountW'(Depth - 1));
  assign pop_valid_o  = !empty_o || push;
  assign pop_data_o   = empty_o ? push_data_i : mem[read_q];
  assign push         = push_valid_i && push_ready_o;
  assign pop          = pop_valid_o && pop_ready_i;
  assign store        = push && !(empty_o && pop);
  assign remove       = pop && !empty_o;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      count_q <= '0;
      read_q  <= '0;
      write_q <= '0;
    end else if (flush_i) begin
      count_q <= '0;
      read_q  <= '0;
      write_q <= '0;
    end else begin
      count_q <= count_q + CountW'(store) - CountW'(remove);
      if (store) write_q <= (write_q == PlaceW'(Depth - 1)) ? '0 : write_q + 1'b1;
      if (remove) read_q <= (read_q == PlaceW'(Depth - 1)) ? '0 : read_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (store) mem[write_q] <= push_data_i;
  end

  always_ff @(posedge clk_i) begin
    a_fits       : assert (32'(count_q) <= Depth);
    a_no_overrun : assert (!(store && count_q == CountW'(Depth)));
  end
endmodule
`default_nettype wire
