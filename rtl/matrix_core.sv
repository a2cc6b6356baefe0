// matrix_core: the matrix engine behind its two operand streams: sequencer, array and accumulators.
//   one Matrix command per start; the sums land in the accumulators (formulas: accel_models.commands.Matrix)
// Golden: accel_models.golden.matrix.matrix_tile; streams in the order of accel_models.golden.streams.operand_vectors.
// Latency: accel_models.cost.matrix cycles from start to start when neither stream stalls; one operand vector per cycle.
// Lanes that a tile does not use may hold anything. The vector engine reads sums through the read port, one entry per
// cycle, latency 1. done_o is high in the last cycle of a command, its sums can be read in the next.
// Combinational paths: both valids -> stalled_o; in outer mode weight_valid_i -> act_ready_o, act_valid_i ->
// weight_ready_o.
`default_nettype none
module matrix_core #(
  parameter  int unsigned Rows    = 4,
  parameter  int unsigned Columns = 4,
  parameter  int unsigned Entries = 512,
  localparam int unsigned Lanes   = (Rows > Columns) ? Rows : Columns,
  localparam int unsigned EntryW  = $clog2(Entries),
  localparam int unsigned MacsW   = $clog2(Rows * Columns + 1)
) (
  input  wire logic                     clk_i,
  input  wire logic                     rst_ni,
  input  wire logic                     start_valid_i,
  output      logic                     start_ready_o,
  input  wire logic               [1:0] mode_i,           // fields of commands.Matrix, registers already read
  input  wire logic                     accumulate_i,
  input  wire logic                     transposed_i,
  input  wire logic               [5:0] stride_x_i,
  input  wire logic              [11:0] planes_i,
  input  wire logic              [11:0] output_height_i,
  input  wire logic              [11:0] output_width_i,
  input  wire logic               [7:0] kernel_height_i,
  input  wire logic               [7:0] taps_i,
  input  wire logic              [15:0] run_bytes_i,
  input  wire logic              [15:0] columns_i,
  input  wire logic              [11:0] accumulator_i,
  output      logic                     done_o,
  output      logic                     stalled_o,        // a cycle lost to a stream; see matrix_sequencer
  output      logic                     bad_field_o,      // one cycle: golden refuses the command, nothing is done
  output      logic                     bad_entry_o,      // one cycle: there is no such accumulator entry
  output      logic         [MacsW-1:0] macs_o,           // products of real operands, a cycle after they were taken
  input  wire logic                     weight_valid_i,   // weight rows or columns; outer: g
  output      logic                     weight_ready_o,
  input  wire logic    [Lanes-1:0][7:0] weight_i,
  input  wire logic                     act_valid_i,      // activations; depthwise: lanes are channels
  output      logic                     act_ready_o,
  input  wire logic    [Lanes-1:0][7:0] act_i,
  input  wire logic                     read_i,
  input  wire logic        [EntryW-1:0] read_entry_i,
  output      logic [Columns-1:0][31:0] read_data_o
);
  localparam int unsigned IndexW = $clog2(Lanes);
  localparam int unsigned LanesW = $clog2(Lanes + 1);

  if (Rows < 2 || Columns < 2 || Entries < 2) begin : gen_bad_size
    $error("want at least 2 rows, columns and entries");
  end

  logic [1:0] mode;
  logic load, load_first, load_column, swap, slot, slot_first, drain, update, zero;
  logic       [IndexW-1:0] load_index;
  logic       [LanesW-1:0] load_lanes;
  logic       [EntryW-1:0] entry;
  logic   [Lanes-1:0][7:0] load_data;
  logic [Columns-1:0][31:0] sum;

  matrix_sequencer #(
    .Rows   (Rows),
    .Columns(Columns),
    .Entries(Entries)
  ) u_sequencer (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .start_valid_i  (start_valid_i),
    .start_ready_o  (start_ready_o),
    .mode_i         (mode_i),
    .accumulate_i   (accumulate_i),
    .transposed_i   (transposed_i),
    .stride_x_i     (stride_x_i),
    .planes_i       (planes_i),
    .output_height_i(output_height_i),
    .output_width_i (output_width_i),
    .kernel_height_i(kernel_height_i),
    .taps_i         (taps_i),
    .run_bytes_i    (run_bytes_i),
    .columns_i      (columns_i),
    .accumulator_i  (accumulator_i),
    .done_o         (done_o),
    .stalled_o      (stalled_o),
    .bad_field_o    (bad_field_o),
    .bad_entry_o    (bad_entry_o),
    .macs_o         (macs_o),
    .weight_valid_i (weight_valid_i),
    .weight_ready_o (weight_ready_o),
    .act_valid_i    (act_valid_i),
    .act_ready_o    (act_ready_o),
    .mode_o         (mode),
    .load_o         (load),
    .load_first_o   (load_first),
    .load_column_o  (load_column),
    .load_index_o   (load_index),
    .load_lanes_o   (load_lanes),
    .swap_o         (swap),
    .slot_o         (slot),
    .slot_first_o   (slot_first),
    .drain_o        (drain),
    .update_o       (update),
    .entry_o        (entry),
    .zero_o         (zero)
  );

  // What lies beyond the tile's last row or column counts as zero: its sums are zero too.
  always_comb begin
    for (int unsigned l = 0; l < Lanes; l++) load_data[l] = (LanesW'(l) < load_lanes) ? weight_i[l] : '0;
  end

  pe_array #(
    .Rows   (Rows),
    .Columns(Columns)
  ) u_array (
    .clk_i        (clk_i),
    .mode_i       (mode),
    .load_i       (load),
    .load_first_i (load_first),
    .load_column_i(load_column),
    .load_index_i (load_index),
    .load_data_i  (load_data),
    .swap_i       (swap),
    .slot_i       (slot),
    .slot_first_i (slot_first),
    .x_i          (act_i),
    .drain_i      (drain),
    .sum_o        (sum)
  );

  accumulators #(
    .Entries(Entries),
    .Columns(Columns)
  ) u_accumulators (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .update_i    (update),
    .entry_i     (entry),
    .zero_i      (zero),
    .sum_i       (sum),
    .read_i      (read_i),
    .read_entry_i(read_entry_i),
    .read_data_o (read_data_o)
  );
endmodule
`default_nettype wire
