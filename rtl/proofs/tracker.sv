// tracker: follows one word, any one, through a queue, and counts all of them.
//   pick_i is free: it chooses whichever push it likes, so what is proved of the followed word is proved of every word
// A queue that takes and gives as counted, and gives the followed word behind exactly those that were ahead of it, unchanged,
// loses none, adds none and keeps the order.
// Golden: none. Combinational path: none; words_o, inside_o, ahead_o and value_o are registers.
`default_nettype none
module tracker #(
  parameter  int unsigned Width  = 8,
  parameter  int unsigned Depth  = 4,
  parameter  bit          Bypass = 1'b0,  // a word may leave in the cycle in which it comes
  localparam int unsigned CountW = $clog2(Depth + 2)
) (
  input  wire logic              clk_i,
  input  wire logic              rst_ni,
  input  wire logic              clear_i,      // all words are dropped
  input  wire logic              pick_i,
  input  wire logic              push_i,
  input  wire logic  [Width-1:0] push_data_i,
  input  wire logic              pop_i,
  input  wire logic  [Width-1:0] pop_data_i,
  output      logic [CountW-1:0] words_o,      // in the queue
  output      logic              inside_o,     // the followed word is
  output      logic [CountW-1:0] ahead_o,      // words that leave before it
  output      logic  [Width-1:0] value_o
);
  logic through, follow;
  assign through = push_i && pop_i && words_o == '0;
  assign follow  = push_i && pick_i && !inside_o && !through;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      words_o  <= '0;
      inside_o <= 1'b0;
    end else if (clear_i) begin
      words_o  <= '0;
      inside_o <= 1'b0;
    end else begin
      words_o <= words_o + CountW'(push_i) - CountW'(pop_i);
      if (follow) inside_o <= 1'b1;
      else if (pop_i && ahead_o == '0) inside_o <= 1'b0;
    end
  end
  always_ff @(posedge clk_i) begin
    if (follow) begin
      ahead_o <= words_o - CountW'(pop_i);
      value_o <= push_data_i;
    end else if (pop_i) begin
      ahead_o <= ahead_o - 1'b1;
    end
  end

  always_comb begin
    a_no_overflow     : assert (words_o <= CountW'(Depth));
    a_nothing_added   : assert (!pop_i || words_o != '0 || (Bypass && push_i));
    a_followed_inside : assert (!inside_o || ahead_o < words_o);
    a_word_unchanged  : assert (!(pop_i && inside_o && ahead_o == '0) || pop_data_i == value_o);
    a_through_same    : assert (!through || !Bypass || pop_data_i == push_data_i);
  end
endmodule
`default_nettype wire
