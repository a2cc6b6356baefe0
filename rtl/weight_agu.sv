// weight_agu: the second operand of a Matrix command, read from the scratchpad: weight vectors or gradients.
//   dot: row k of the weights, k = 0 .. K-1, bytes group*Columns on; depthwise the same with k over kernel rows and taps
//   transposed: column j of the group, the bytes k of the tile; outer: vector p, bytes group*Columns on, for every tile
// Golden: TileVectors.weights and .gradients of accel_models.golden.streams.operand_vectors, the lanes that a tile uses.
// start_i in cycle 0, the first vector in cycle 3, then one per cycle. Addresses are sums, nothing is multiplied.
// Combinational paths: those of operand_stream.
`default_nettype none
module weight_agu #(
  parameter  int unsigned Rows    = 4,
  parameter  int unsigned Columns = 4,
  localparam int unsigned Lanes   = (Rows > Columns) ? Rows : Columns,
  localparam int unsigned LanesW  = $clog2(Lanes + 1)
) (
  input  wire logic                  clk_i,
  input  wire logic                  rst_ni,
  input  wire logic                  start_i,              // of a command that has vectors
  input  wire logic            [1:0] mode_i,               // these hold still from start_i to the last vector
  input  wire logic                  transposed_i,
  input  wire logic           [11:0] planes_i,
  input  wire logic           [11:0] output_height_i,
  input  wire logic           [11:0] output_width_i,
  input  wire logic            [7:0] kernel_height_i,
  input  wire logic            [7:0] taps_i,
  input  wire logic           [15:0] run_bytes_i,
  input  wire logic           [15:0] columns_i,
  input  wire logic           [19:0] weight_address_i,
  input  wire logic           [15:0] weight_row_stride_i,
  output      logic                  read_valid_o,         // scratchpad
  input  wire logic                  read_ready_i,
  output      logic           [20:0] read_addr_o,
  output      logic     [LanesW-1:0] read_count_o,
  input  wire logic [Lanes-1:0][7:0] read_data_i,
  output      logic                  valid_o,
  input  wire logic                  ready_i,
  output      logic [Lanes-1:0][7:0] data_o
);
  localparam int unsigned RowsW    = $clog2(Rows + 1);
  localparam int unsigned ColumnsW = $clog2(Columns + 1);

  logic depthwise, outer, transposed;
  assign depthwise  = mode_i == matrix_pkg::ModeDepthwise;
  assign outer      = mode_i == matrix_pkg::ModeOuter;
  assign transposed = mode_i == matrix_pkg::ModeDot && transposed_i;

  logic                walking_q, step, tile_end;
  logic    [RowsW-1:0] tile_rows;
  logic [ColumnsW-1:0] tile_columns;
  logic                last_of_group, last_tile, unused_first, unused_chunk, unused_tap;
  tile_walk #(
    .Rows   (Rows),
    .Columns(Columns)
  ) u_walk (
    .clk_i           (clk_i),
    .start_i         (start_i),
    .kernel_height_i (kernel_height_i),
    .taps_i          (depthwise ? 8'd1 : taps_i),
    .run_bytes_i     (depthwise ? 16'd1 : run_bytes_i),
    .columns_i       (columns_i),
    .next_i          (tile_end),
    .rows_o          (tile_rows),
    .columns_o       (tile_columns),
    .first_of_group_o(unused_first),
    .last_chunk_o    (unused_chunk),
    .last_tap_o      (unused_tap),
    .last_of_group_o (last_of_group),
    .last_o          (last_tile)
  );

  // The vectors of a tile: as many as matrix_loader takes, in outer mode one per pixel.
  logic [11:0] x_q, y_q, plane_q, width;
  logic        row_end, plane_end;
  always_comb begin
    unique case (mode_i)
      matrix_pkg::ModeDepthwise: width = 12'(taps_i);
      matrix_pkg::ModeOuter:     width = output_width_i;
      default:                   width = transposed ? 12'(tile_columns) : 12'(tile_rows);
    endcase
  end
  assign row_end   = step && x_q == width - 12'd1;
  assign plane_end = row_end && (!outer || y_q == output_height_i - 12'd1);
  assign tile_end  = plane_end && (!outer || plane_q == planes_i - 12'd1);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) walking_q <= 1'b0;
    else if (start_i) walking_q <= 1'b1;
    else if (tile_end && last_tile) walking_q <= 1'b0;
  end
  always_ff @(posedge clk_i) begin
    if (start_i || row_end) x_q <= '0;
    else if (step) x_q <= x_q + 12'd1;
    if (start_i || plane_end) y_q <= '0;
    else if (row_end) y_q <= y_q + 12'd1;
    if (start_i || tile_end) plane_q <= '0;
    else if (plane_end) plane_q <= plane_q + 12'd1;
  end

  // Address = row + byte. Steps are short of 2**20, so that an address which leaves 20 bits sets bit 20 before any other:
  // the scratchpad finds the error.
  //   transposed: the rows of the group again for every tile, bytes go on; else bytes go on with the group
  logic [20:0] row_q, group_row_q, byte_q, row_next, byte_next, address;
  assign row_next  = row_q + 21'(weight_row_stride_i);
  assign byte_next = byte_q + (transposed ? 21'(tile_rows) : 21'(Columns));
  assign address   = row_q + byte_q;

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      row_q       <= 21'(weight_address_i);
      group_row_q <= 21'(weight_address_i);
      byte_q      <= '0;
    end else if (tile_end) begin
      if (outer || transposed != last_of_group) row_q <= group_row_q;
      else row_q <= row_next;
      if (transposed && last_of_group) group_row_q <= row_next;
      if (transposed && last_of_group) byte_q <= '0;
      else if (transposed || last_of_group) byte_q <= byte_next;
    end else if (step) begin
      row_q <= row_next;
    end
  end

  logic              ready;
  logic [LanesW-1:0] unused_skip;
  assign step = walking_q && ready;
  operand_stream #(
    .Lanes(Lanes),
    .Fill (1'b0)
  ) u_stream (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .valid_i     (walking_q),
    .ready_o     (ready),
    .address_i   (address),
    .skip_i      ('0),
    .count_i     (transposed ? LanesW'(tile_rows) : LanesW'(tile_columns)),
    .fill_i      ('0),
    .read_valid_o(read_valid_o),
    .read_ready_i(read_ready_i),
    .read_addr_o (read_addr_o),
    .read_skip_o (unused_skip),
    .read_count_o(read_count_o),
    .read_data_i (read_data_i),
    .valid_o     (valid_o),
    .ready_i     (ready_i),
    .data_o      (data_o)
  );
endmodule
`default_nettype wire
