// command_queue_proof: the queue of an engine takes and gives every command once, in order, and never holds more than Depth,
//   that in the engine's front counted while held_i says so; a flush drops everything
// Golden: the identity. Combinational path: none of interest; the outputs say which states are reached.
`default_nettype none
module command_queue_proof #(
  parameter  int unsigned Width  = 4,
  parameter  int unsigned Depth  = 4,
  localparam int unsigned CountW = $clog2(Depth + 2),
  localparam int unsigned PlaceW = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  wire logic             clk_i,
  input  wire logic             rst_ni,
  input  wire logic             pick_i,
  input  wire logic             flush_i,
  input  wire logic             held_i,
  input  wire logic             valid_i,
  input  wire logic [Width-1:0] data_i,
  input  wire logic             ready_i,
  output      logic             reach_full_o,
  output      logic             reach_held_o,      // full by the command in the front alone
  output      logic             reach_through_o,   // a command passes an empty queue
  output      logic             reach_followed_o   // the followed command leaves, and once was the last of a full queue
);
  logic ready_o, valid_o, empty_o, present, waited_q;
  logic [CountW-1:0] words, ahead;
  logic  [Width-1:0] data_o, value;
  logic [PlaceW-1:0] read, write;
  logic [$clog2(Depth+1)-1:0] count;
  logic  [Depth-1:0] stored;

  command_queue #(.Width(Width), .Depth(Depth)) u_dut (
    .clk_i, .rst_ni, .flush_i, .held_i, .push_valid_i(valid_i), .push_ready_o(ready_o), .push_data_i(data_i),
    .pop_valid_o(valid_o), .pop_ready_i(ready_i), .pop_data_o(data_o), .empty_o
  );
  assign read  = u_dut.read_q;
  assign write = u_dut.write_q;
  assign count = u_dut.count_q;

  first_reset u_first (.clk_i, .rst_ni);
  stream_rule #(.Width(Width)) u_out (.clk_i, .rst_ni, .clear_i(flush_i), .valid_i(valid_o), .ready_i, .data_i(data_o));
  tracker #(.Width(Width), .Depth(Depth), .Bypass(1'b1)) u_track (
    .clk_i, .rst_ni, .clear_i(flush_i), .pick_i, .push_i(valid_i && ready_o), .push_data_i(data_i),
    .pop_i(valid_o && ready_i), .pop_data_i(data_o), .words_o(words), .inside_o(present), .ahead_o(ahead), .value_o(value)
  );

  always_comb begin
    a_ready_with_room : assert (ready_o == (32'(words) + 32'(held_i) < Depth));
    a_valid_with_word : assert (valid_o == (words != '0 || (valid_i && ready_o)));
    a_empty           : assert (empty_o == (words == '0));
    a_counted         : assert (32'(count) == 32'(words));
    a_places          : assert (32'(read) < Depth && 32'(write) < Depth);
    a_write_follows   : assert (32'(write) == (32'(read) + 32'(words)) % Depth);
    a_stored          : assert (!present || stored == '1);
  end
  for (genvar i = 0; i < Depth; i++) begin : gen_word
    logic [Width-1:0] word;
    assign word = u_dut.mem[i];
    assign stored[i] = (32'(read) + 32'(ahead)) % Depth != i || word == value;
  end

  always_ff @(posedge clk_i) waited_q <= present && (ahead == CountW'(Depth - 1) || waited_q);
  assign reach_full_o     = words == CountW'(Depth);
  assign reach_held_o     = held_i && words == CountW'(Depth - 1) && valid_i && !ready_o;
  assign reach_through_o  = words == '0 && valid_i && ready_o && ready_i;
  assign reach_followed_o = present && waited_q && ahead == '0 && valid_o && ready_i && !flush_i;
endmodule
`default_nettype wire
