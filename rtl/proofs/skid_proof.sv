// skid_proof: a skid register takes and gives every word once, in order, and holds its output still.
// Golden: the identity. Combinational path: none of interest; the outputs say which states are reached.
`default_nettype none
module skid_proof #(
  parameter int unsigned Width = 8
) (
  input  wire logic             clk_i,
  input  wire logic             rst_ni,
  input  wire logic             pick_i,
  input  wire logic             valid_i,
  input  wire logic [Width-1:0] data_i,
  input  wire logic             ready_i,
  output      logic             reach_full_o,      // both entries in use
  output      logic             reach_followed_o   // the followed word leaves, and once waited behind another
);
  logic ready_o, valid_o, present, waited_q;
  logic       [1:0] words, ahead;
  logic [Width-1:0] data_o, value, spare;

  skid #(.Width(Width)) u_dut (
    .clk_i, .rst_ni, .valid_i, .ready_o, .data_i, .valid_o, .ready_i, .data_o
  );
  assign spare = u_dut.spare_q;

  first_reset u_first (.clk_i, .rst_ni);
  stream_rule #(.Width(Width)) u_out (
    .clk_i, .rst_ni, .clear_i(1'b0), .valid_i(valid_o), .ready_i, .data_i(data_o)
  );
  tracker #(.Width(Width), .Depth(2)) u_track (
    .clk_i, .rst_ni, .clear_i(1'b0), .pick_i, .push_i(valid_i && ready_o), .push_data_i(data_i),
    .pop_i(valid_o && ready_i), .pop_data_i(data_o), .words_o(words), .inside_o(present), .ahead_o(ahead), .value_o(value)
  );

  always_comb begin
    a_ready_with_room : assert (ready_o == (words != 2'd2));
    a_valid_with_word : assert (valid_o == (words != 2'd0));
    a_first_in_data   : assert (!present || ahead != 2'd0 || data_o == value);
    a_second_in_spare : assert (!present || ahead != 2'd1 || spare == value);
  end

  always_ff @(posedge clk_i) waited_q <= present && (ahead != '0 || waited_q);
  assign reach_full_o     = words == 2'd2;
  assign reach_followed_o = present && waited_q && ahead == '0 && valid_o && ready_i;
endmodule
`default_nettype wire
