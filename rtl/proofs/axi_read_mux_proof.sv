// axi_read_mux_proof: every burst is asked for once, its address phase holds still, and its beats go to the side that asked.
//   the followed burst is any one; a burst ends with r_last; never more than Outstanding are under way
// Golden: the order of accel_models.timing. Combinational path: none of interest; the outputs say what is reached.
`default_nettype none
module axi_read_mux_proof #(
  parameter  int unsigned BusBytes    = 2,
  parameter  int unsigned Outstanding = 4,
  localparam int unsigned CountW      = $clog2(Outstanding + 2)
) (
  input  wire logic                  clk_i,
  input  wire logic                  rst_ni,
  input  wire logic                  pick_i,
  input  wire logic                  fetch_ar_valid_i,
  input  wire logic           [31:0] fetch_ar_addr_i,
  input  wire logic            [7:0] fetch_ar_len_i,
  input  wire logic                  fetch_r_ready_i,
  input  wire logic                  load_ar_valid_i,
  input  wire logic           [31:0] load_ar_addr_i,
  input  wire logic            [7:0] load_ar_len_i,
  input  wire logic                  load_r_ready_i,
  input  wire logic                  ar_ready_i,
  input  wire logic                  r_valid_i,
  input  wire logic [8*BusBytes-1:0] r_data_i,
  input  wire logic            [1:0] r_resp_i,
  input  wire logic                  r_last_i,
  output      logic                  reach_full_o,
  output      logic                  reach_fetch_waits_o,  // behind a load that is offered already
  output      logic                  reach_load_waits_o,   // behind a fetch
  output      logic                  reach_followed_o      // the followed burst of a fetch ends, and once was behind a load
);
  logic fetch_ar_ready_o, fetch_r_valid_o, load_ar_ready_o, load_r_valid_o, r_error_o, ar_valid_o, r_ready_o;
  logic [8*BusBytes-1:0] r_data_o;
  logic [31:0] ar_addr_o;
  logic  [7:0] ar_len_o;
  logic [CountW-1:0] words, ahead;
  logic present, value, fetch_turn, fetch_sent, load_sent, ended, waited_q;

  axi_read_mux #(.BusBytes(BusBytes), .Outstanding(Outstanding)) u_dut (
    .clk_i, .rst_ni, .fetch_ar_valid_i, .fetch_ar_ready_o, .fetch_ar_addr_i, .fetch_ar_len_i, .fetch_r_valid_o,
    .fetch_r_ready_i, .load_ar_valid_i, .load_ar_ready_o, .load_ar_addr_i, .load_ar_len_i, .load_r_valid_o, .load_r_ready_i,
    .r_data_o, .r_error_o, .ar_valid_o, .ar_ready_i, .ar_addr_o, .ar_len_o, .r_valid_i, .r_ready_o, .r_data_i, .r_resp_i,
    .r_last_i
  );
  logic [$clog2(Outstanding)-1:0]   read, write;
  logic [$clog2(Outstanding+1)-1:0] count;
  logic [Outstanding-1:0] stored;
  logic offered, offered_load;
  assign read  = u_dut.u_order.read_q;
  assign write = u_dut.u_order.write_q;
  assign count = u_dut.u_order.count_q;
  assign offered = u_dut.held_q;
  assign offered_load = u_dut.load_q;

  assign fetch_sent = fetch_ar_valid_i && fetch_ar_ready_o;
  assign load_sent  = load_ar_valid_i && load_ar_ready_o;
  assign ended      = r_valid_i && r_ready_o && r_last_i;

  first_reset u_first (.clk_i, .rst_ni);
  stream_rule #(.Width(40), .Assumed(1'b1)) u_fetch (
    .clk_i, .rst_ni, .clear_i(1'b0), .valid_i(fetch_ar_valid_i), .ready_i(fetch_ar_ready_o),
    .data_i({fetch_ar_addr_i, fetch_ar_len_i})
  );
  stream_rule #(.Width(40), .Assumed(1'b1)) u_load (
    .clk_i, .rst_ni, .clear_i(1'b0), .valid_i(load_ar_valid_i), .ready_i(load_ar_ready_o),
    .data_i({load_ar_addr_i, load_ar_len_i})
  );
  stream_rule #(.Width(40)) u_out (
    .clk_i, .rst_ni, .clear_i(1'b0), .valid_i(ar_valid_o), .ready_i(ar_ready_i), .data_i({ar_addr_o, ar_len_o})
  );
  tracker #(.Width(1), .Depth(Outstanding)) u_track (
    .clk_i, .rst_ni, .clear_i(1'b0), .pick_i, .push_i(ar_valid_o && ar_ready_i), .push_data_i(load_sent), .pop_i(ended),
    .pop_data_i(load_r_valid_o), .words_o(words), .inside_o(present), .ahead_o(ahead), .value_o(value)
  );

  logic stalled_q, stalled_load_q;  // an address phase was offered and not taken, and whose
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) stalled_q <= 1'b0;
    else stalled_q <= ar_valid_o && !ar_ready_i;
  end
  always_ff @(posedge clk_i) stalled_load_q <= !fetch_turn;
  assign fetch_turn = stalled_q ? !stalled_load_q : fetch_ar_valid_i;

  always_comb begin
    a_one_address_at_once : assert (!(fetch_sent && load_sent) && (fetch_sent || load_sent) == (ar_valid_o && ar_ready_i));
    a_address             : assert (!ar_valid_o || {ar_addr_o, ar_len_o} ==
                                    (fetch_turn ? {fetch_ar_addr_i, fetch_ar_len_i} : {load_ar_addr_i, load_ar_len_i}));
    a_offered_with_room   : assert (ar_valid_o == (32'(words) != Outstanding && (fetch_ar_valid_i || load_ar_valid_i)));
    a_one_answered        : assert (!(fetch_r_valid_o && load_r_valid_o));
    a_answer_is_due       : assert (r_ready_o == (load_r_valid_o ? load_r_ready_i : fetch_r_valid_o && fetch_r_ready_i) ||
                                    !r_valid_i);
    a_every_beat_arrives  : assert ((fetch_r_valid_o || load_r_valid_o) == (r_valid_i && words != '0));
    a_beat_to_who_asked   : assert (!(present && ahead == '0 && r_valid_i) || (load_r_valid_o == value && fetch_r_valid_o != value));
    a_data                : assert (r_data_o == r_data_i && r_error_o == r_resp_i[1]);
    a_counted             : assert (32'(count) == 32'(words));
    a_places              : assert (32'(read) < Outstanding && 32'(write) < Outstanding);
    a_write_follows       : assert (32'(write) == (32'(read) + 32'(words)) % Outstanding);
    a_stored              : assert (!present || stored == '1);
    a_offer               : assert (offered == stalled_q && (!offered || offered_load == stalled_load_q));
    a_room_for_offer      : assert (!offered || 32'(words) < Outstanding);
  end
  for (genvar i = 0; i < Outstanding; i++) begin : gen_word
    logic word;
    assign word = u_dut.u_order.words_q[i];
    assign stored[i] = (32'(read) + 32'(ahead)) % Outstanding != i || word == value;
  end

  always_ff @(posedge clk_i) waited_q <= present && (ahead != '0 || waited_q);
  assign reach_full_o        = 32'(words) == Outstanding;
  assign reach_fetch_waits_o = stalled_q && stalled_load_q && fetch_ar_valid_i;
  assign reach_load_waits_o  = fetch_sent && load_ar_valid_i;
  assign reach_followed_o    = present && waited_q && ahead == '0 && ended && !value;
endmodule
`default_nettype wire
