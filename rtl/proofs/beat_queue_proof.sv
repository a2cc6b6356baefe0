// beat_queue_proof: every beat is written once, in order, alone or as one half of a pair that touch; never more than Depth wait.
//   the followed beat is one half of a pair or alone; where it comes to lie in the write is found from the other half's count
// A write may grow from one beat to two while it stalls: its address and its first bytes hold still.
// Golden: accel_models.golden.transfer.load. Combinational path: none of interest; the outputs say what is reached.
`default_nettype none
module beat_queue_proof #(
  parameter  int unsigned BusBytes  = 2,
  parameter  int unsigned WordBytes = 4,
  parameter  int unsigned Depth     = 4,
  localparam int unsigned BusW      = $clog2(BusBytes + 1),
  localparam int unsigned CountW    = $clog2(WordBytes + 1),
  localparam int unsigned PlaceW    = $clog2(Depth),
  localparam int unsigned EntryW    = 21 + BusW + 8 * BusBytes + 1
) (
  input  wire logic                  clk_i,
  input  wire logic                  rst_ni,
  input  wire logic                  valid_i,
  input  wire logic           [20:0] address_i,
  input  wire logic       [BusW-1:0] count_i,
  input  wire logic [8*BusBytes-1:0] data_i,
  input  wire logic                  last_i,
  input  wire logic                  ready_i,
  output      logic                  reach_full_o,
  output      logic                  reach_pair_o,    // two beats leave a full queue at once
  output      logic                  reach_single_o,  // one leaves although another waits
  output      logic                  reach_grown_o    // a write grows while it stalls
);
  logic ready_o, valid_o, last_o, push, pop, pair;
  logic              [20:0] address_o;
  logic        [CountW-1:0] count_o;
  logic [8*WordBytes-1:0] data_o;
  logic    [PlaceW-1:0] read, write, place_of_next;
  logic      [PlaceW:0] stored, words_q, after;

  beat_queue #(.BusBytes(BusBytes), .WordBytes(WordBytes), .Depth(Depth)) u_dut (
    .clk_i, .rst_ni, .valid_i, .ready_o, .address_i, .count_i, .data_i, .last_i, .valid_o, .ready_i, .address_o, .count_o,
    .data_o, .last_o
  );
  assign read   = u_dut.read_q;
  assign write  = u_dut.write_q;
  assign stored = u_dut.stored_q;
  assign last = u_dut.last_q;
  assign place_of_next = read + PlaceW'(words_q);
  assign push   = valid_i && ready_o;
  assign pop    = valid_o && ready_i;

  first_reset u_first (.clk_i, .rst_ni);

  // What waits, oldest first.
  logic [Depth-1:0][EntryW-1:0] waiting_q, left, same;
  logic             [Depth-1:0] last, clean;
  logic              [20:0] first_address, second_address;
  logic          [BusW-1:0] first_count, second_count;
  logic    [8*BusBytes-1:0] first_data, second_data;
  logic                     first_last, second_last;
  assign {first_address, first_count, first_data, first_last}     = waiting_q[0];
  assign {second_address, second_count, second_data, second_last} = waiting_q[1];
  assign pair  = 2 * BusBytes <= WordBytes && words_q > (PlaceW + 1)'(1) &&
                 second_address == first_address + 21'(first_count);
  assign after = words_q - (pop ? (PlaceW + 1)'(pair) + 1'b1 : '0);
  assign left  = !pop ? waiting_q : pair ? waiting_q >> 2 * EntryW : waiting_q >> EntryW;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) words_q <= '0;
    else words_q <= after + (PlaceW + 1)'(push);
  end
  always_ff @(posedge clk_i) begin
    waiting_q <= left;
    if (push) waiting_q[PlaceW'(after)] <= {address_i, count_i, data_i, last_i};
  end

  // A beat has no bytes beyond its count, and at most a bus word of them.
  always_comb begin
    m_count : assume (32'(count_i) <= BusBytes);
    m_bytes : assume (data_i >> {count_i, 3'd0} == '0);
  end
  for (genvar i = 0; i < Depth; i++) begin : gen_word
    logic           [20:0] address;
    logic       [BusW-1:0] count;
    logic [8*BusBytes-1:0] data;
    logic [PlaceW-1:0] place;
    assign address = u_dut.address[i];
    assign count = u_dut.count[i];
    assign data = u_dut.data[i];
    assign place   = PlaceW'(i) - read;
    assign same[i] = {address, count, data, last[i]} ^ (((PlaceW + 1)'(place) < words_q) ? waiting_q[place] :
                                                        {address, count, data, last[i]});
  end

  logic stalled_q;
  logic [20:0] address_q;
  logic [CountW-1:0] count_q;
  logic [8*WordBytes-1:0] data_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) stalled_q <= 1'b0;
    else stalled_q <= valid_o && !ready_i;
  end
  always_ff @(posedge clk_i) begin
    address_q <= address_o;
    count_q   <= count_o;
    data_q    <= data_o;
  end

  always_comb begin
    a_no_overflow     : assert (32'(words_q) <= Depth);
    a_ready_with_room : assert (ready_o == (32'(words_q) != Depth));
    a_valid_with_word : assert (valid_o == (words_q != '0));
    a_counted         : assert (stored == words_q && write == place_of_next);
    a_stored          : assert (same == '0);
    a_address         : assert (!valid_o || address_o == first_address);
    a_count           : assert (!valid_o || 32'(count_o) == 32'(first_count) + (pair ? 32'(second_count) : 32'd0));
    a_first_bytes     : assert (!valid_o || ((data_o ^ (8*WordBytes)'(first_data)) &
                                             ~({8*WordBytes{1'b1}} << {first_count, 3'd0})) == '0);
    a_second_bytes    : assert (!valid_o || !pair || data_o >> {first_count, 3'd0} == (8*WordBytes)'(second_data));
    a_no_more_bytes   : assert (!valid_o || data_o >> {count_o, 3'd0} == '0);
    a_last            : assert (!valid_o || last_o == (pair ? second_last : first_last));
    a_offer_stays     : assert (!stalled_q || valid_o);
    a_address_still   : assert (!stalled_q || address_o == address_q);
    a_bytes_still     : assert (!stalled_q || (count_o >= count_q &&
                                ((data_o ^ data_q) & ~({8*WordBytes{1'b1}} << {count_q, 3'd0})) == '0));
  end
  // What waits has no bytes beyond its count either.
  for (genvar i = 0; i < Depth; i++) begin : gen_clean
    logic       [BusW-1:0] count;
    logic [8*BusBytes-1:0] data;
    assign {count, data} = waiting_q[i][EntryW-22:1];
    assign clean[i] = i >= 32'(words_q) || (32'(count) <= BusBytes && data >> {count, 3'd0} == '0);
  end
  always_comb begin
    a_clean : assert (clean == '1);
  end

  assign reach_full_o   = 32'(words_q) == Depth;
  assign reach_pair_o   = 32'(words_q) == Depth && pop && 32'(count_o) == WordBytes;
  assign reach_single_o = words_q > (PlaceW + 1)'(1) && pop && !pair;
  assign reach_grown_o  = stalled_q && count_o > count_q;
endmodule
`default_nettype wire
