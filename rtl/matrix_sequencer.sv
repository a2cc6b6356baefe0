// matrix_sequencer: control of the matrix engine, one Matrix command after the other.
//   cycles of a command = accel_models.cost.matrix when neither stream stalls
// Golden: the order of accel_models.golden.streams.operand_vectors (tiles in the order of tile_walk).
// start in cycle 0; operands move from cycle MatrixStart on; done_o in the last cycle, MatrixDrain after the last slot;
// the next start in the cycle after that.
// A tile is a row of slots. An operand slot takes one activation vector: one per pixel (depthwise: one per input pixel
// of an output row), and gives the sum of one pixel unless depthwise skips it. Then comes a tail: in outer mode a slot
// per row to drain, else as many empty slots as keep updates of one entry AccumulateLatency apart, stalls or not.
// stalled_o: a cycle lost to a stream, which cost.matrix does not count; exact as long as activations are never late.
// macs_o: products of the slot of the cycle before, lanes that the tile does not use left out.
// Combinational paths: both valids -> slot, load, stalled_o; in outer mode, where a slot takes both streams,
// weight_valid_i -> act_ready_o and act_valid_i -> weight_ready_o.
`default_nettype none
module matrix_sequencer #(
  parameter  int unsigned Rows    = 4,
  parameter  int unsigned Columns = 4,
  parameter  int unsigned Entries = 512,
  localparam int unsigned Lanes   = (Rows > Columns) ? Rows : Columns,
  localparam int unsigned IndexW  = $clog2(Lanes),
  localparam int unsigned LanesW  = $clog2(Lanes + 1),
  localparam int unsigned EntryW  = $clog2(Entries),
  localparam int unsigned MacsW   = $clog2(Rows * Columns + 1)
) (
  input  wire logic              clk_i,
  input  wire logic              rst_ni,
  input  wire logic              start_valid_i,
  output      logic              start_ready_o,
  input  wire logic        [1:0] mode_i,           // the fields of commands.Matrix, registers already read
  input  wire logic              accumulate_i,
  input  wire logic              transposed_i,
  input  wire logic        [5:0] stride_x_i,
  input  wire logic       [11:0] planes_i,
  input  wire logic       [11:0] output_height_i,
  input  wire logic       [11:0] output_width_i,
  input  wire logic        [7:0] kernel_height_i,
  input  wire logic        [7:0] taps_i,
  input  wire logic       [15:0] run_bytes_i,
  input  wire logic       [15:0] columns_i,
  input  wire logic       [11:0] accumulator_i,
  output      logic              done_o,           // last cycle of the command
  output      logic              stalled_o,
  output      logic              bad_field_o,      // one cycle: golden refuses the command, nothing is done
  output      logic              bad_entry_o,      // one cycle: there is no such accumulator entry
  output      logic  [MacsW-1:0] macs_o,
  input  wire logic              weight_valid_i,
  output      logic              weight_ready_o,
  input  wire logic              act_valid_i,
  output      logic              act_ready_o,
  output      logic        [1:0] mode_o,           // to pe_array
  output      logic              load_o,
  output      logic              load_first_o,
  output      logic              load_column_o,
  output      logic [IndexW-1:0] load_index_o,
  output      logic [LanesW-1:0] load_lanes_o,
  output      logic              swap_o,
  output      logic              slot_o,
  output      logic              slot_first_o,
  output      logic              drain_o,
  output      logic              update_o,         // to the accumulators, one cycle after the slot
  output      logic [EntryW-1:0] entry_o,
  output      logic              zero_o
);
  localparam int unsigned RowsW    = $clog2(Rows + 1);
  localparam int unsigned ColumnsW = $clog2(Columns + 1);
  localparam int unsigned Apart    = matrix_pkg::AccumulateLatency - 1;  // slots between two updates of one entry
  localparam int unsigned TailW    = $clog2(((Rows > Apart) ? Rows : Apart) + 1);

  logic running, starting, empty, refused, tile_done, last_tile;
  matrix_states u_states (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .start_valid_i(start_valid_i),
    .start_ready_o(start_ready_o),
    .nothing_i    (empty || refused),
    .finished_i   (tile_done && last_tile),
    .starting_o   (starting),
    .running_o    (running),
    .done_o       (done_o)
  );

  // The command. A depthwise tile holds all taps of a kernel row: its loop nest has one tap and one chunk.
  logic        accumulate_q, transposed_q, depthwise, outer;
  logic  [5:0] stride_x_q;
  logic [11:0] planes_q, height_q, width_q;
  logic  [7:0] kernel_height_q, taps_q, nest_taps;
  logic [15:0] run_bytes_q, columns_q, nest_run_bytes;
  always_ff @(posedge clk_i) begin
    if (start_ready_o) begin
      mode_o          <= mode_i;
      accumulate_q    <= accumulate_i;
      transposed_q    <= transposed_i;
      stride_x_q      <= stride_x_i;
      planes_q        <= planes_i;
      height_q        <= output_height_i;
      width_q         <= output_width_i;
      kernel_height_q <= kernel_height_i;
      taps_q          <= taps_i;
      run_bytes_q     <= run_bytes_i;
      columns_q       <= columns_i;
    end
  end
  assign depthwise      = mode_o == matrix_pkg::ModeDepthwise;
  assign outer          = mode_o == matrix_pkg::ModeOuter;
  assign nest_taps      = depthwise ? 8'd1 : taps_q;
  assign nest_run_bytes = depthwise ? 16'd1 : run_bytes_q;
  assign empty          = matrix_pkg::empty(mode_o, planes_q, height_q, width_q, kernel_height_q, taps_q, run_bytes_q,
                                            columns_q);
  assign refused        = matrix_pkg::refused(mode_o, taps_q, 8'(Rows));
  assign bad_field_o    = starting && done_o && refused;

  logic weights_ready, loading, loader_stalled;
  matrix_loader #(
    .Rows   (Rows),
    .Columns(Columns)
  ) u_loader (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .starting_i      (starting),
    .running_i       (running),
    .mode_i          (mode_o),
    .transposed_i    (transposed_q),
    .kernel_height_i (kernel_height_q),
    .taps_i          (taps_q),
    .nest_taps_i     (nest_taps),
    .nest_run_bytes_i(nest_run_bytes),
    .columns_i       (columns_q),
    .tile_done_i     (tile_done),
    .weight_valid_i  (weight_valid_i),
    .loading_o       (loading),
    .ready_o         (weights_ready),
    .load_o          (load_o),
    .load_first_o    (load_first_o),
    .load_column_o   (load_column_o),
    .load_index_o    (load_index_o),
    .load_lanes_o    (load_lanes_o),
    .swap_o          (swap_o),
    .stalled_o       (loader_stalled)
  );

  // The tile whose sums are being made.
  logic    [RowsW-1:0] tile_rows;
  logic [ColumnsW-1:0] tile_columns;
  logic                first_of_group, last_of_group, unused_chunk, unused_tap;
  tile_walk #(
    .Rows   (Rows),
    .Columns(Columns)
  ) u_walk (
    .clk_i           (clk_i),
    .start_i         (starting),
    .kernel_height_i (kernel_height_q),
    .taps_i          (nest_taps),
    .run_bytes_i     (nest_run_bytes),
    .columns_i       (columns_q),
    .next_i          (tile_done),
    .rows_o          (tile_rows),
    .columns_o       (tile_columns),
    .first_of_group_o(first_of_group),
    .last_chunk_o    (unused_chunk),
    .last_tap_o      (unused_tap),
    .last_of_group_o (last_of_group),
    .last_o          (last_tile)
  );

  // Slots.
  logic              operand, pixel, last_pixel, unused_row_end, unused_plane_end;
  logic        [1:0] slots_q;  // operand slots that the tile has had, at most Apart
  logic  [TailW-1:0] tail_q, tail_length;
  pixel_walk u_pixels (
    .clk_i      (clk_i),
    .start_i    (starting),
    .depthwise_i(depthwise),
    .stride_x_i (stride_x_q),
    .taps_i     (taps_q),
    .planes_i   (planes_q),
    .height_i   (height_q),
    .width_i    (width_q),
    .step_i     (slot_o),
    .pixel_o    (pixel),
    .row_end_o  (unused_row_end),
    .plane_end_o(unused_plane_end),
    .last_o     (last_pixel)
  );
  assign operand        = running && tail_q == '0 && (outer || weights_ready);
  assign act_ready_o    = operand && (!outer || weight_valid_i);
  assign weight_ready_o = outer ? operand && act_valid_i : loading;
  assign slot_o         = act_ready_o && act_valid_i;
  assign slot_first_o   = slots_q == '0;
  assign tail_length    = outer ? TailW'(tile_rows) : TailW'(Apart) - TailW'(slots_q);
  assign tile_done      = (last_pixel && tail_length == '0) || tail_q == TailW'(1);
  assign drain_o        = outer && tail_q != '0;
  assign stalled_o      = loader_stalled || (operand && !slot_o);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) tail_q <= '0;
    else if (last_pixel) tail_q <= tail_length;
    else if (tail_q != '0) tail_q <= tail_q - 1'b1;
  end
  always_ff @(posedge clk_i) begin
    if (starting || tile_done) slots_q <= '0;
    else if (slot_o && slots_q != 2'(Apart)) slots_q <= slots_q + 2'd1;
  end

  // A depthwise sum is `taps` products of a column, the sums of the other modes take the rows of the tile.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) macs_o <= '0;
    else macs_o <= pixel ? (depthwise ? MacsW'(taps_q) : MacsW'(tile_rows)) * MacsW'(tile_columns) : '0;
  end

  matrix_entries #(
    .Entries(Entries)
  ) u_entries (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .start_i         (start_ready_o),
    .accumulator_i   (accumulator_i),
    .outer_i         (outer),
    .accumulate_i    (accumulate_q),
    .update_i        (outer ? drain_o : pixel),
    .tile_done_i     (tile_done),
    .first_of_group_i(first_of_group),
    .last_of_group_i (last_of_group),
    .update_o        (update_o),
    .entry_o         (entry_o),
    .zero_o          (zero_o),
    .bad_entry_o     (bad_entry_o)
  );
endmodule
`default_nettype wire
