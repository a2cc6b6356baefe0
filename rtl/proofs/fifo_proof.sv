// fifo_proof: a FIFO takes and gives every word once, in order, never more than Depth, and holds its output still.
// Golden: the identity. Combinational path: none of interest; the outputs say which states are reached.
`default_nettype none
module fifo_proof #(
  parameter  int unsigned Width  = 4,
  parameter  int unsigned Depth  = 4,
  localparam int unsigned CountW = $clog2(Depth + 2)
) (
  input  wire logic             clk_i,
  input  wire logic             rst_ni,
  input  wire logic             pick_i,
  input  wire logic             valid_i,
  input  wire logic [Width-1:0] data_i,
  input  wire logic             ready_i,
  output      logic             reach_full_o,
  output      logic             reach_followed_o,  // the followed word leaves, and once was the last of a full queue
  output      logic             reach_wrapped_o    // the newest word lies before the oldest
);
  logic ready_o, valid_o, present, waited_q;
  logic [CountW-1:0] words, ahead;
  logic  [Width-1:0] data_o, value;
  logic [Depth-1:0] stored;
  logic [$clog2(Depth)-1:0]   read, write;
  logic [$clog2(Depth+1)-1:0] count;

  fifo #(.Width(Width), .Depth(Depth)) u_dut (
    .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .valid_o, .ready_i, .data_o
  );
  assign read  = u_dut.read_q;
  assign write = u_dut.write_q;
  assign count = u_dut.count_q;

  first_reset u_first (.clk_i, .rst_ni);
  stream_rule #(.Width(Width)) u_out (
    .clk_i, .rst_ni, .clear_i(1'b0), .valid_i(valid_o), .ready_i, .data_i(data_o)
  );
  tracker #(.Width(Width), .Depth(Depth)) u_track (
    .clk_i, .rst_ni, .clear_i(1'b0), .pick_i, .push_i(valid_i && ready_o), .push_data_i(data_i),
    .pop_i(valid_o && ready_i), .pop_data_i(data_o), .words_o(words), .inside_o(present), .ahead_o(ahead), .value_o(value)
  );

  always_comb begin
    a_ready_with_room : assert (ready_o == (words != CountW'(Depth)));
    a_valid_with_word : assert (valid_o == (words != '0));
    a_counted         : assert (32'(count) == 32'(words));
    a_places          : assert (32'(read) < Depth && 32'(write) < Depth);
    a_write_follows   : assert (32'(write) == (32'(read) + 32'(words)) % Depth);
  end
  for (genvar i = 0; i < Depth; i++) begin : gen_word
    logic [Width-1:0] word;
    assign word = u_dut.words_q[i];
    assign stored[i] = (32'(read) + 32'(ahead)) % Depth != i || word == value;
  end
  always_comb begin
    a_stored : assert (!present || stored == '1);
  end

  always_ff @(posedge clk_i) waited_q <= present && (ahead == CountW'(Depth - 1) || waited_q);
  assign reach_full_o     = words == CountW'(Depth);
  assign reach_followed_o = present && waited_q && ahead == '0 && valid_o && ready_i;
  assign reach_wrapped_o  = words != '0 && write < read && write != '0;
endmodule
`default_nettype wire
