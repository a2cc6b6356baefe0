// matrix_entries: the accumulator entries of a Matrix command, in the order of its updates.
//   dot and depthwise: every tile of a column group goes over the same entries; outer: on and on
// Golden: TileVectors.entries and .accumulate of accel_models.golden.streams.operand_vectors. Latency 1.
// bad_entry_o: there is no such entry; it is not updated. Combinational path: none.
`default_nettype none
module matrix_entries #(
  parameter  int unsigned Entries = 512,
  localparam int unsigned EntryW  = $clog2(Entries)
) (
  input  wire logic              clk_i,
  input  wire logic              rst_ni,
  input  wire logic              start_i,           // accumulator_i is the first entry
  input  wire logic       [11:0] accumulator_i,
  input  wire logic              outer_i,
  input  wire logic              accumulate_i,
  input  wire logic              update_i,
  input  wire logic              tile_done_i,
  input  wire logic              first_of_group_i,
  input  wire logic              last_of_group_i,
  output      logic              update_o,
  output      logic [EntryW-1:0] entry_o,
  output      logic              zero_o,            // do not add to what the entry holds
  output      logic              bad_entry_o
);
  logic [12:0] entry_q, base_q, entry_next;  // one more bit than a field: the first bad entry is found
  logic        bad;
  assign entry_next = entry_q + 13'(update_i);
  assign bad        = entry_q >= 13'(Entries);

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      entry_q <= 13'(accumulator_i);
      base_q  <= 13'(accumulator_i);
    end else begin
      entry_q <= (tile_done_i && !outer_i && !last_of_group_i) ? base_q : entry_next;
      if (tile_done_i && last_of_group_i) base_q <= entry_next;
    end
    entry_o <= entry_q[EntryW-1:0];
    zero_o  <= !accumulate_i && (outer_i || first_of_group_i);
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      update_o    <= 1'b0;
      bad_entry_o <= 1'b0;
    end else begin
      update_o    <= update_i && !bad;
      bad_entry_o <= update_i && bad;
    end
  end
endmodule
`default_nettype wire
