// matrix_loader: control of the weight loads, one tile ahead of the sums.
//   a tile takes one vector per row it uses (transposed: per column; depthwise: per tap); then it waits for its turn
// Golden: TileVectors.weights of accel_models.golden.streams.operand_vectors. One vector per cycle; the swap of a full
// tile is in the cycle after its last vector at the earliest, and the next tile's first vector may come with it.
// stalled_o: a cycle that is lost because a vector came late. Vectors may come late and nothing is lost, as long as the
// tile before still computes; late_q counts them until the array waits. Combinational paths: weight_valid_i -> load_o,
// stalled_o.
`default_nettype none
module matrix_loader #(
  parameter  int unsigned Rows     = 4,
  parameter  int unsigned Columns  = 4,
  localparam int unsigned Lanes    = (Rows > Columns) ? Rows : Columns,
  localparam int unsigned IndexW   = $clog2(Lanes),
  localparam int unsigned LanesW   = $clog2(Lanes + 1)
) (
  input  wire logic              clk_i,
  input  wire logic              rst_ni,
  input  wire logic              starting_i,       // the limits below are stable from here on
  input  wire logic              running_i,
  input  wire logic        [1:0] mode_i,
  input  wire logic              transposed_i,
  input  wire logic        [7:0] kernel_height_i,
  input  wire logic        [7:0] taps_i,           // of the command; depthwise: loaded together
  input  wire logic        [7:0] nest_taps_i,      // of the loop nest
  input  wire logic       [15:0] nest_run_bytes_i,
  input  wire logic       [15:0] columns_i,
  input  wire logic              tile_done_i,
  input  wire logic              weight_valid_i,
  output      logic              loading_o,        // ready for a weight vector; never in outer mode
  output      logic              ready_o,          // the tile's weights are in place, or swap_o puts them there
  output      logic              load_o,           // to pe_array
  output      logic              load_first_o,
  output      logic              load_column_o,
  output      logic [IndexW-1:0] load_index_o,
  output      logic [LanesW-1:0] load_lanes_o,     // lanes of the weight vector, or in outer mode of g, that count
  output      logic              swap_o,
  output      logic              stalled_o
);
  localparam int unsigned RowsW    = $clog2(Rows + 1);
  localparam int unsigned ColumnsW = $clog2(Columns + 1);

  logic    [RowsW-1:0] tile_rows;
  logic [ColumnsW-1:0] tile_columns;
  logic   [LanesW-1:0] count;
  logic   [IndexW-1:0] loaded_q;
  logic outer, depthwise, last_vector, last_tile, late;
  logic unused_first, unused_chunk, unused_tap, unused_group;
  logic   [LanesW-1:0] late_q;  // weight vectors of the tile that came late, less stalled_o
  logic all_loaded_q;  // nothing left to load
  logic full_q;        // the shadow weights hold a whole tile
  logic open_q;        // the current tile's weights are in place

  tile_walk #(
    .Rows   (Rows),
    .Columns(Columns)
  ) u_walk (
    .clk_i           (clk_i),
    .start_i         (starting_i),
    .kernel_height_i (kernel_height_i),
    .taps_i          (nest_taps_i),
    .run_bytes_i     (nest_run_bytes_i),
    .columns_i       (columns_i),
    .next_i          (outer ? tile_done_i : last_vector),
    .rows_o          (tile_rows),
    .columns_o       (tile_columns),
    .first_of_group_o(unused_first),
    .last_chunk_o    (unused_chunk),
    .last_tap_o      (unused_tap),
    .last_of_group_o (unused_group),
    .last_o          (last_tile)
  );

  assign outer         = mode_i == matrix_pkg::ModeOuter;
  assign depthwise     = mode_i == matrix_pkg::ModeDepthwise;
  assign load_column_o = transposed_i && mode_i == matrix_pkg::ModeDot;
  assign count         = load_column_o ? LanesW'(tile_columns) : depthwise ? LanesW'(taps_i) : LanesW'(tile_rows);
  assign load_lanes_o  = load_column_o ? LanesW'(tile_rows) : LanesW'(tile_columns);
  // Depthwise: the newest pixel is in the last row, so that is where the last tap's weights belong.
  assign load_index_o  = depthwise ? IndexW'(Rows) - IndexW'(taps_i) + loaded_q : loaded_q;
  assign load_first_o  = loaded_q == '0;
  assign loading_o     = running_i && !outer && !all_loaded_q && (!full_q || swap_o);
  assign load_o        = loading_o && weight_valid_i;
  assign last_vector   = load_o && LanesW'(loaded_q) == count - 1'b1;
  assign swap_o        = running_i && full_q && !open_q;
  assign ready_o       = open_q || swap_o;
  assign late          = loading_o && !weight_valid_i;
  assign stalled_o     = running_i && !outer && !ready_o && (late || late_q != '0);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      full_q       <= 1'b0;
      open_q       <= 1'b0;
      all_loaded_q <= 1'b0;
      loaded_q     <= '0;
    end else if (starting_i) begin
      full_q       <= 1'b0;
      open_q       <= 1'b0;
      all_loaded_q <= 1'b0;
      loaded_q     <= '0;
    end else begin
      if (last_vector) full_q <= 1'b1;
      else if (swap_o) full_q <= 1'b0;
      if (tile_done_i) open_q <= 1'b0;
      else if (swap_o) open_q <= 1'b1;
      if (last_vector) all_loaded_q <= last_tile;
      if (load_o) loaded_q <= last_vector ? '0 : loaded_q + 1'b1;
    end
  end

  // Up to Lanes is enough: no more vectors than that can be left when the array begins to wait.
  always_ff @(posedge clk_i) begin
    if (starting_i || swap_o) late_q <= LanesW'(late && swap_o);
    else if (late && !stalled_o && late_q != LanesW'(Lanes)) late_q <= late_q + 1'b1;
    else if (stalled_o && !late) late_q <= late_q - 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (load_o && depthwise) begin
      a_taps_fit : assert (taps_i <= 8'(Rows));
    end
  end
endmodule
`default_nettype wire
