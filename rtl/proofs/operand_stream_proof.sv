// operand_stream_proof: every request is read once and answered once, in order; two vectors are under way at most, none is
//   lost when the output stalls, and what is asked of the scratchpad and what is offered hold still.
//   vector[l] = read data in the cycle after the grant for skip <= l < skip + count, fill elsewhere
// Golden: the order of the requests. Combinational path: none of interest; the outputs say what is reached.
`default_nettype none
module operand_stream_proof #(
  parameter  int unsigned Lanes    = 2,
  localparam int unsigned LanesW   = $clog2(Lanes + 1),
  localparam int unsigned RequestW = 21 + 2 * LanesW
) (
  input  wire logic                  clk_i,
  input  wire logic                  rst_ni,
  input  wire logic                  pick_i,
  input  wire logic                  valid_i,
  input  wire logic           [20:0] address_i,
  input  wire logic     [LanesW-1:0] skip_i,
  input  wire logic     [LanesW-1:0] count_i,
  input  wire logic            [7:0] fill_i,
  input  wire logic                  read_ready_i,
  input  wire logic [Lanes-1:0][7:0] read_data_i,
  input  wire logic                  ready_i,
  output      logic                  reach_full_o,     // a request waits behind two vectors
  output      logic                  reach_refused_o,  // a read that the scratchpad refused is granted
  output      logic                  reach_waited_o,   // the followed vector leaves, and once was last of three
  output      logic                  reach_unread_o    // a vector of nothing but fill leaves
);
  logic ready_o, read_valid_o, valid_o, pop, present;
  logic [20:0] read_addr_o;
  logic [LanesW-1:0] read_skip_o, read_count_o;
  logic [Lanes-1:0][7:0] data_o;
  logic [1:0] issued, stored;
  logic [2:0] words, ahead;
  logic held, fresh;
  logic [Lanes-1:0][7:0] first, second;
  logic [RequestW-1:0] asked, value;

  operand_stream #(.Lanes(Lanes)) u_dut (
    .clk_i, .rst_ni, .valid_i, .ready_o, .address_i, .skip_i, .count_i, .fill_i, .read_valid_o, .read_ready_i, .read_addr_o,
    .read_skip_o, .read_count_o, .read_data_i, .valid_o, .ready_i, .data_o
  );
  assign issued = u_dut.issued_q;
  assign stored = u_dut.stored_q;
  assign held   = u_dut.held_q;
  assign fresh  = u_dut.fresh_q;
  assign first  = u_dut.first_q;
  assign second = u_dut.second_q;
  assign pop    = valid_o && ready_i;
  assign asked  = {read_addr_o, read_skip_o, read_count_o};

  first_reset u_first (.clk_i, .rst_ni);
  stream_rule #(.Width(RequestW)) u_read (
    .clk_i, .rst_ni, .clear_i(1'b0), .valid_i(read_valid_o), .ready_i(read_ready_i), .data_i(asked)
  );
  stream_rule #(.Width(8 * Lanes)) u_out (.clk_i, .rst_ni, .clear_i(1'b0), .valid_i(valid_o), .ready_i, .data_i(data_o));
  tracker #(.Width(RequestW), .Depth(3)) u_track (
    .clk_i, .rst_ni, .clear_i(1'b0), .pick_i, .push_i(valid_i && ready_o), .push_data_i({address_i, skip_i, count_i}),
    .pop_i(pop), .pop_data_i(value), .words_o(words), .inside_o(present), .ahead_o(ahead), .value_o(value)
  );

  // The followed request: it is in the request register until its read is granted, or leaves at once where it reads nothing.
  logic followed_held, followed_issue, came_q, have_q, refused_q, waited_q, unread;
  logic     [LanesW-1:0] skip, count;
  logic [Lanes-1:0][7:0] answer, vector_q, vector;
  assign {skip, count}  = value[2*LanesW-1:0];
  assign followed_held  = present && !came_q && !have_q;
  assign followed_issue = followed_held && ahead == 3'(issued) && issued != 2'd2 &&
                          (count == '0 || (read_valid_o && read_ready_i));
  always_comb begin
    for (int unsigned l = 0; l < Lanes; l++) begin
      answer[l] = (l >= 32'(skip) && l < 32'(skip) + 32'(count)) ? read_data_i[l] : fill_i;
    end
  end
  assign vector = came_q ? answer : vector_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {came_q, have_q} <= '0;
    end else begin
      came_q <= followed_issue;
      have_q <= (came_q || have_q) && !(pop && ahead == '0);
    end
  end
  always_ff @(posedge clk_i) begin
    if (came_q) vector_q <= answer;
    refused_q <= read_valid_o && !read_ready_i;
    waited_q  <= present && (ahead == 3'd2 || waited_q);
  end

  // Skip and count name lanes that there are.
  always_comb begin
    m_lanes : assume (32'(skip_i) + 32'(count_i) <= Lanes);
  end
  always_comb begin
    a_two_under_way  : assert (issued <= 2'd2 && 32'(issued) == 32'(stored) + 32'(fresh));
    a_counted        : assert (32'(words) == 32'(held) + 32'(issued));
    a_ready          : assert (ready_o || held);
    a_asked          : assert (!followed_held || (ahead == 3'(issued) && held && asked == value));
    a_reads_with_room: assert (read_valid_o == (held && issued != 2'd2 && read_count_o != '0));
    a_came           : assert (!(came_q && have_q) && (!(came_q || have_q) || present));
    a_came_is_fresh  : assert (!came_q || (fresh && ahead == 3'(stored)));
    a_have_is_stored : assert (!have_q || (ahead < 3'(stored) && (ahead == '0 ? first : second) == vector_q));
    a_lanes          : assert (!present || 32'(skip) + 32'(count) <= Lanes);
    a_vector         : assert (!(present && ahead == '0 && valid_o) || ((came_q || have_q) && data_o == vector));
    a_valid          : assert (valid_o == (issued != '0));
    a_unread         : assert (!followed_held || count != '0 || !read_valid_o);
  end

  assign unread        = present && have_q && count == '0;
  assign reach_full_o    = words == 3'd3 && valid_i && !ready_o;
  assign reach_refused_o = refused_q && read_valid_o && read_ready_i;
  assign reach_waited_o  = present && waited_q && ahead == '0 && pop;
  assign reach_unread_o  = unread && pop && ahead == '0;
endmodule
`default_nettype wire
