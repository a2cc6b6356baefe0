// scratchpad_align: the bytes of an unaligned read, out of the words of two banks.
//   data[i] = byte offset + i of {words[next], words[bank]}
// Golden: accel_models.golden.access.window. The request in cycle 0, words and data in cycle 1.
// Combinational path: words_i -> data_o.
`default_nettype none
module scratchpad_align #(
  parameter  int unsigned WordBytes = 16,  // a power of two
  parameter  int unsigned Banks     = 8,   // a power of two
  parameter  int unsigned Bytes     = 16,  // of the reader, at most WordBytes
  localparam int unsigned OffsetW   = $clog2(WordBytes),
  localparam int unsigned BankW     = $clog2(Banks)
) (
  input  wire logic                              clk_i,
  input  wire logic        [2*BankW+OffsetW-1:0] place_i,  // of the request: next, bank, offset
  input  wire logic [Banks-1:0][WordBytes*8-1:0] words_i,
  output      logic             [Bytes-1:0][7:0] data_o
);
  logic   [BankW-1:0] bank_q, next_q;
  logic [OffsetW-1:0] offset_q;
  always_ff @(posedge clk_i) {next_q, bank_q, offset_q} <= place_i;

  logic [WordBytes*8-1:0] low, high, merged;
  assign low  = words_i[bank_q];
  assign high = words_i[next_q];

  // Every place in a word is used once: above the offset by the first word, below it by the second.
  always_comb begin
    for (int unsigned l = 0; l < WordBytes; l++) begin
      merged[8*l+:8] = (OffsetW'(l) >= offset_q) ? low[8*l+:8] : high[8*l+:8];
    end
    for (int unsigned i = 0; i < Bytes; i++) data_o[i] = merged[{OffsetW'(offset_q + OffsetW'(i)), 3'd0}+:8];
  end
endmodule
`default_nettype wire
