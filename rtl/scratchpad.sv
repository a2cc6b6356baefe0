// scratchpad: PadBytes of byte-addressed memory in Banks single-ported banks, six ports, unaligned access.
//   bank of word w = a / WordBytes: w mod Banks with bits of w / Banks folded in (bank_of), row: w / Banks
//   a request for bytes a + skip .. a + skip + count - 1 takes the banks of these bytes, two at most, and is granted when
//   no request of higher priority wants one of them
// Golden: the scratchpad of accel_models.golden (access.window). Latency 1: read data, byte 0 that of a, come in the cycle
// after the grant; a write is visible to requests of the next cycle. Every port moves one vector per cycle.
// Priority: act (always granted), weight, vector read, vector write, store read, load write or list.
// error_o: a granted request leaves PadBytes; it writes nothing and reads anything.
// Combinational paths: the requests -> the grants of lower priority, error_o.
`default_nettype none
module scratchpad #(
  parameter  int unsigned Rows      = 4,
  parameter  int unsigned Columns   = 4,
  parameter  int unsigned PadBytes  = 16384,
  parameter  int unsigned Banks     = 8,   // a power of two, at least 2
  parameter  int unsigned BusBytes  = 8,
  localparam int unsigned Lanes     = (Rows > Columns) ? Rows : Columns,
  localparam int unsigned WordBytes = 1 << $clog2((Lanes > BusBytes) ? Lanes : BusBytes),
  localparam int unsigned LanesW    = $clog2(Lanes + 1),
  localparam int unsigned ColumnsW  = $clog2(Columns + 1),
  localparam int unsigned BusW      = $clog2(BusBytes + 1),
  localparam int unsigned CountW    = $clog2(WordBytes + 1)
) (
  input  wire logic                      clk_i,
  input  wire logic                      act_valid_i,     // activations of the matrix engine
  output      logic                      act_ready_o,
  input  wire logic               [20:0] act_addr_i,      // may lie below 0 where skip jumps over the lanes there
  input  wire logic         [LanesW-1:0] act_skip_i,
  input  wire logic         [LanesW-1:0] act_count_i,     // all counts: at least 1
  output      logic     [Lanes-1:0][7:0] act_data_o,
  input  wire logic                      weight_valid_i,  // weights of the matrix engine
  output      logic                      weight_ready_o,
  input  wire logic               [20:0] weight_addr_i,
  input  wire logic         [LanesW-1:0] weight_count_i,
  output      logic     [Lanes-1:0][7:0] weight_data_o,
  input  wire logic                      vread_valid_i,   // vector engine
  output      logic                      vread_ready_o,
  input  wire logic               [19:0] vread_addr_i,
  input  wire logic       [ColumnsW-1:0] vread_count_i,
  output      logic   [Columns-1:0][7:0] vread_data_o,
  input  wire logic                      vwrite_valid_i,
  output      logic                      vwrite_ready_o,
  input  wire logic               [20:0] vwrite_addr_i,
  input  wire logic       [ColumnsW-1:0] vwrite_count_i,
  input  wire logic   [Columns-1:0][7:0] vwrite_data_i,
  input  wire logic                      sread_valid_i,   // store
  output      logic                      sread_ready_o,
  input  wire logic               [19:0] sread_addr_i,
  input  wire logic           [BusW-1:0] sread_count_i,
  output      logic  [BusBytes-1:0][7:0] sread_data_o,
  input  wire logic                      lwrite_valid_i,  // load: writes, or reads an entry of a row list
  output      logic                      lwrite_ready_o,
  input  wire logic               [19:0] lwrite_addr_i,
  input  wire logic         [CountW-1:0] lwrite_count_i,
  input  wire logic [WordBytes-1:0][7:0] lwrite_data_i,
  input  wire logic                      lwrite_list_i,   // it reads
  output      logic               [31:0] list_data_o,
  output      logic                      error_o
);
  localparam int unsigned OffsetW = $clog2(WordBytes);
  localparam int unsigned BankW   = $clog2(Banks);
  localparam int unsigned WordW   = 21 - OffsetW;
  localparam int unsigned Depth   = (PadBytes + WordBytes * Banks - 1) / (WordBytes * Banks);
  localparam int unsigned RowW    = (Depth > 1) ? $clog2(Depth) : 1;
  localparam int unsigned Ports   = 6;
  localparam int unsigned Writer0 = 3;  // vector write, and Writer0 + 2: load write

  if (Banks < 2 || Banks != (1 << BankW) || PadBytes > (1 << 20)) begin : gen_bad_size
    $error("want a power of two of banks, at least 2, and at most 1 MiB");
  end

  // The ports, by priority.
  logic [Ports-1:0]             valid, ready, writes;
  assign writes  = {!lwrite_list_i, 5'b01000};
  logic [Ports-1:0]      [20:0] address;
  logic [Ports-1:0][CountW-1:0] count;
  assign valid   = {lwrite_valid_i, sread_valid_i, vwrite_valid_i, vread_valid_i, weight_valid_i, act_valid_i};
  assign address = {{1'b0, lwrite_addr_i}, {1'b0, sread_addr_i}, vwrite_addr_i, {1'b0, vread_addr_i},
                    weight_addr_i, act_addr_i};
  assign count   = {lwrite_count_i, CountW'(sread_count_i), CountW'(vwrite_count_i), CountW'(vread_count_i),
                    CountW'(weight_count_i), CountW'(act_count_i)};
  assign {lwrite_ready_o, sread_ready_o, vwrite_ready_o, vread_ready_o, weight_ready_o, act_ready_o} = ready;

  // What each request needs: its first word, the word after it, or both. wanted: banks of the requests before it.
  logic [Ports-1:0]             bad;
  logic [Ports-1:0][RowW-1:0]   low_row, high_row;
  logic [Ports-1:0][Banks-1:0]  low_bank, high_bank, need;
  logic [Banks-1:0]             wanted;
  logic [CountW-1:0]            skip;
  logic [CountW:0]              first, stop;  // place in {second word, first word}
  logic [WordW-1:0]             word, next_word;
  logic [Ports-1:0][BankW-1:0]  low, high;

  // Rounds of the banks differ in their order: a stream with a stride visits all banks, and one that follows another is
  // not held up all the way. The order is by two Gray codes of the round, so that neighbours lie in different banks.
  function automatic logic [BankW-1:0] bank_of(input logic [WordW-1:0] w);
    bank_of = w[BankW-1:0];
    if (BankW > 1) begin
      bank_of = bank_of ^ BankW'(w >> BankW) ^ BankW'(w >> (BankW + 1)) ^
                BankW'(w >> (2 * BankW + 1)) ^ BankW'(w >> (2 * BankW + 2));
    end
  endfunction

  always_comb begin
    wanted = '0;
    for (int unsigned p = 0; p < Ports; p++) begin
      skip         = (p == 0) ? CountW'(act_skip_i) : '0;
      first        = (CountW + 1)'(address[p][OffsetW-1:0]) + (CountW + 1)'(skip);
      stop         = first + (CountW + 1)'(count[p]);
      word         = address[p][20:OffsetW];
      next_word    = word + 1'b1;
      bad[p]       = {word, {OffsetW{1'b0}}} + 21'(stop) > 21'(PadBytes);
      low_row[p]   = word[BankW+:RowW];
      high_row[p]  = next_word[BankW+:RowW];
      low_bank[p]  = '0;
      high_bank[p] = '0;
      low[p]       = bank_of(word);
      high[p]      = bank_of(next_word);
      low_bank[p][low[p]]   = first < (CountW + 1)'(WordBytes);
      high_bank[p][high[p]] = stop > (CountW + 1)'(WordBytes);
      need[p]  = low_bank[p] | high_bank[p];
      ready[p] = valid[p] && (need[p] & wanted) == '0;
      if (valid[p]) wanted = wanted | need[p];
    end
  end
  assign error_o = (ready & bad) != '0;

  // Write data turned to their places in the words; byte k of a vector goes to place (offset + k) mod WordBytes.
  logic [1:0][WordBytes-1:0][7:0] data, turned;
  logic [1:0][WordBytes-1:0]      low_enable, high_enable;
  logic [OffsetW-1:0]             offset, k;
  assign data[0] = (8 * WordBytes)'(vwrite_data_i);
  assign data[1] = lwrite_data_i;
  always_comb begin
    for (int unsigned w = 0; w < 2; w++) begin
      offset = address[Writer0+2*w][OffsetW-1:0];
      for (int unsigned l = 0; l < WordBytes; l++) begin
        k                 = OffsetW'(l) - offset;
        turned[w][l]      = data[w][k];
        low_enable[w][l]  = CountW'(k) < count[Writer0+2*w] && OffsetW'(l) >= offset && !bad[Writer0+2*w];
        high_enable[w][l] = CountW'(k) < count[Writer0+2*w] && OffsetW'(l) < offset && !bad[Writer0+2*w];
      end
    end
  end

  // Banks. At most one granted request uses a bank.
  logic [Banks-1:0][WordBytes*8-1:0] words;
  for (genvar b = 0; b < Banks; b++) begin : gen_bank
    logic                   read;
    logic [RowW-1:0]        row;
    logic [WordBytes-1:0]   write;
    logic [WordBytes*8-1:0] word_data;
    always_comb begin
      read = 1'b0;
      row  = '0;
      for (int unsigned p = 0; p < Ports; p++) begin
        if (ready[p] && low_bank[p][b]) row = row | low_row[p];
        if (ready[p] && high_bank[p][b]) row = row | high_row[p];
        if (ready[p] && need[p][b] && !writes[p]) read = 1'b1;
      end
      write = '0;
      for (int unsigned w = 0; w < 2; w++) begin
        if (ready[Writer0+2*w] && writes[Writer0+2*w] && low_bank[Writer0+2*w][b]) write = write | low_enable[w];
        if (ready[Writer0+2*w] && writes[Writer0+2*w] && high_bank[Writer0+2*w][b]) write = write | high_enable[w];
      end
      word_data = (ready[Writer0] && need[Writer0][b]) ? turned[0] : turned[1];
    end
    scratchpad_bank #(
      .WordBytes(WordBytes),
      .Depth    (Depth)
    ) u_bank (
      .clk_i  (clk_i),
      .read_i (read),
      .write_i(write),
      .row_i  (row),
      .data_i (word_data),
      .data_o (words[b])
    );
  end

  // Read data.
  scratchpad_align #(
    .WordBytes(WordBytes),
    .Banks    (Banks),
    .Bytes    (Lanes)
  ) u_act (
    .clk_i  (clk_i),
    .place_i({high[0], low[0], address[0][OffsetW-1:0]}),
    .words_i(words),
    .data_o (act_data_o)
  );
  scratchpad_align #(
    .WordBytes(WordBytes),
    .Banks    (Banks),
    .Bytes    (Lanes)
  ) u_weight (
    .clk_i  (clk_i),
    .place_i({high[1], low[1], address[1][OffsetW-1:0]}),
    .words_i(words),
    .data_o (weight_data_o)
  );
  scratchpad_align #(
    .WordBytes(WordBytes),
    .Banks    (Banks),
    .Bytes    (Columns)
  ) u_vread (
    .clk_i  (clk_i),
    .place_i({high[2], low[2], address[2][OffsetW-1:0]}),
    .words_i(words),
    .data_o (vread_data_o)
  );
  scratchpad_align #(
    .WordBytes(WordBytes),
    .Banks    (Banks),
    .Bytes    (BusBytes)
  ) u_sread (
    .clk_i  (clk_i),
    .place_i({high[4], low[4], address[4][OffsetW-1:0]}),
    .words_i(words),
    .data_o (sread_data_o)
  );
  scratchpad_align #(
    .WordBytes(WordBytes),
    .Banks    (Banks),
    .Bytes    (accel_pkg::ListEntryBytes)
  ) u_list (
    .clk_i  (clk_i),
    .place_i({high[5], low[5], address[5][OffsetW-1:0]}),
    .words_i(words),
    .data_o (list_data_o)
  );
endmodule
`default_nettype wire
