// accumulators: memory of `Entries` vectors of `Columns` 32-bit sums with a read-modify-write pipeline.
//   update: mem[entry][c] = (zero ? 0 : mem[entry][c]) + sum[c], wrapping at 32 bits
//   read:   read_data = mem[read_entry]
// Golden: accel_models.golden.matrix (the accumulator array; arithmetic.wrap32). One update and one read per cycle.
// Update: address in cycle 0, memory word in 1, sum_i and the addition in 2, write in 3: the same entry may be updated
// or read again in cycle 4 (cost.ACCUMULATE_LATENCY); an earlier update is an error, checked here. Read: latency 1.
// Combinational path: none. Two half-size banks serve both ports when the engines alternate between the halves.
`default_nettype none
module accumulators #(
  parameter  int unsigned Entries = 512,
  parameter  int unsigned Columns = 4,
  localparam int unsigned EntryW  = $clog2(Entries)
) (
  input  wire logic                     clk_i,
  input  wire logic                     rst_ni,
  input  wire logic                     update_i,
  input  wire logic        [EntryW-1:0] entry_i,
  input  wire logic                     zero_i,        // start from zero instead of from the entry
  input  wire logic [Columns-1:0][31:0] sum_i,         // two cycles after its update_i
  input  wire logic                     read_i,
  input  wire logic        [EntryW-1:0] read_entry_i,
  output      logic [Columns-1:0][31:0] read_data_o    // holds until the next read
);
  logic [Columns*32-1:0] mem [Entries];
  logic [Columns-1:0][31:0] word_q, addend_q, result_q;
  logic    fetch_valid_q, add_valid_q, write_valid_q, fetch_zero_q;
  logic [EntryW-1:0] fetch_entry_q, add_entry_q, write_entry_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      fetch_valid_q <= 1'b0;
      add_valid_q   <= 1'b0;
      write_valid_q <= 1'b0;
    end else begin
      fetch_valid_q <= update_i;
      add_valid_q   <= fetch_valid_q;
      write_valid_q <= add_valid_q;
    end
  end

  always_ff @(posedge clk_i) begin
    fetch_entry_q <= entry_i;
    fetch_zero_q  <= zero_i;
    add_entry_q   <= fetch_entry_q;
    write_entry_q <= add_entry_q;
    if (update_i && !zero_i) word_q <= mem[entry_i];
    addend_q <= fetch_zero_q ? '0 : word_q;
    for (int unsigned c = 0; c < Columns; c++) result_q[c] <= addend_q[c] + sum_i[c];
    if (write_valid_q) mem[write_entry_q] <= result_q;
  end

  always_ff @(posedge clk_i) begin
    if (read_i) read_data_o <= mem[read_entry_i];
  end

  // An update in flight is not forwarded: whoever issues updates keeps them apart.
  logic hazard;
  assign hazard = (fetch_valid_q && fetch_entry_q == entry_i) || (add_valid_q && add_entry_q == entry_i) ||
                  (write_valid_q && write_entry_q == entry_i);
  always_ff @(posedge clk_i) begin
    if (update_i && !zero_i) begin
      a_updates_apart : assert (!hazard);
    end
  end
endmodule
`default_nettype wire
