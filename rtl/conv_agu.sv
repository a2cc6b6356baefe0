// conv_agu: the activation vectors of a Matrix command, read from the image in the scratchpad.
//   lane l of a vector: byte offset + l of input row iy; offset = (ox*stride_x + origin_x)*input_pixel_stride +
//   tap*tap_stride + chunk*Rows, iy = oy*stride_y + origin_y + ky*dilation_y; zero_point outside the image
//   the vectors of a tile again for every plane, input_plane_stride further
//   depthwise: offset = (origin_x + j)*input_pixel_stride + group*Columns, j = 0 .. (width-1)*stride_x + taps - 1
// Golden: TileVectors.activations of accel_models.golden.streams.operand_vectors, the lanes that a tile uses.
// start_i in cycle 0, the first vector in cycle 3, then one per cycle. Products are formed once, in cycle 0; from there on
// addresses are sums. Combinational paths: those of operand_stream.
`default_nettype none
module conv_agu #(
  parameter  int unsigned Rows    = 4,
  parameter  int unsigned Columns = 4,
  localparam int unsigned Lanes   = (Rows > Columns) ? Rows : Columns,
  localparam int unsigned LanesW  = $clog2(Lanes + 1)
) (
  input  wire logic                  clk_i,
  input  wire logic                  rst_ni,
  input  wire logic                  start_i,               // of a command that has vectors
  input  wire logic           [19:0] input_address_i,       // these are read with start_i
  input  wire logic           [19:0] input_row_stride_i,
  input  wire logic           [15:0] input_pixel_stride_i,
  input  wire logic           [15:0] input_width_i,
  input  wire logic           [15:0] origin_x_i,
  input  wire logic            [1:0] mode_i,                // these hold still from start_i to the last vector
  input  wire logic           [15:0] input_height_i,
  input  wire logic           [15:0] origin_y_i,
  input  wire logic            [5:0] stride_y_i,
  input  wire logic            [5:0] stride_x_i,
  input  wire logic            [5:0] dilation_y_i,
  input  wire logic           [11:0] planes_i,
  input  wire logic           [19:0] input_plane_stride_i,
  input  wire logic           [11:0] output_height_i,
  input  wire logic           [11:0] output_width_i,
  input  wire logic            [7:0] kernel_height_i,
  input  wire logic            [7:0] taps_i,
  input  wire logic           [15:0] tap_stride_i,
  input  wire logic           [15:0] run_bytes_i,
  input  wire logic           [15:0] columns_i,
  input  wire logic            [7:0] zero_point_i,
  output      logic                  read_valid_o,          // scratchpad
  input  wire logic                  read_ready_i,
  output      logic           [20:0] read_addr_o,
  output      logic     [LanesW-1:0] read_skip_o,
  output      logic     [LanesW-1:0] read_count_o,
  input  wire logic [Lanes-1:0][7:0] read_data_i,
  output      logic                  valid_o,
  input  wire logic                  ready_i,
  output      logic [Lanes-1:0][7:0] data_o
);
  localparam int unsigned RowsW    = $clog2(Rows + 1);
  localparam int unsigned ColumnsW = $clog2(Columns + 1);
  localparam int unsigned OffsetW  = 36;  // signed byte offset in a row: 2**31 + 4095 * 63 * 2**16 and less than 2**32 more
  localparam int unsigned RoomW    = OffsetW + 1;
  localparam int unsigned PlaceW   = 40;  // signed scratchpad address of a row: 2**18.3 rows and 4095 planes of 2**20 bytes
  localparam int unsigned YW       = 20;  // signed input row: 4095 * 63 + 2**15 + 255 * 63

  logic depthwise;
  assign depthwise = mode_i == matrix_pkg::ModeDepthwise;

  // The loop nest over tiles, as in matrix_sequencer: a depthwise tile holds all taps of a kernel row.
  logic                walking_q, step, tile_end;
  logic    [RowsW-1:0] tile_rows;
  logic [ColumnsW-1:0] tile_columns;
  logic                unused_first, last_chunk, last_tap, last_of_group, last_tile;
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
    .last_chunk_o    (last_chunk),
    .last_tap_o      (last_tap),
    .last_of_group_o (last_of_group),
    .last_o          (last_tile)
  );

  // The vectors of a tile: a vector per output pixel, or per input pixel from the first to the last tap of an output row.
  logic row_end, plane_end, unused_pixel;
  pixel_walk u_pixels (
    .clk_i      (clk_i),
    .start_i    (start_i),
    .depthwise_i(depthwise),
    .stride_x_i (stride_x_i),
    .taps_i     (taps_i),
    .planes_i   (planes_i),
    .height_i   (output_height_i),
    .width_i    (output_width_i),
    .step_i     (step),
    .pixel_o    (unused_pixel),
    .row_end_o  (row_end),
    .plane_end_o(plane_end),
    .last_o     (tile_end)
  );
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) walking_q <= 1'b0;
    else if (start_i) walking_q <= 1'b1;
    else if (tile_end && last_tile) walking_q <= 1'b0;
  end

  // Horizontally: the offset of the vector; of the first vector of the tile's rows, of its tap, of its column group.
  logic signed [OffsetW-1:0] offset_q, tile_offset_q, tap_offset_q, group_offset_q, next_offset, first_offset;
  logic               [21:0] pixel_step_q;
  logic               [31:0] line_q;
  assign first_offset = OffsetW'($signed(origin_x_i)) * OffsetW'($signed({1'b0, input_pixel_stride_i}));
  always_comb begin
    if (!last_chunk) next_offset = tile_offset_q + OffsetW'(Rows);
    else if (!last_tap) next_offset = tap_offset_q + OffsetW'($signed({1'b0, tap_stride_i}));
    else if (depthwise && last_of_group) next_offset = group_offset_q + OffsetW'(Columns);
    else next_offset = group_offset_q;
  end
  always_ff @(posedge clk_i) begin
    if (start_i) begin
      pixel_step_q   <= depthwise ? 22'(input_pixel_stride_i) : 22'(stride_x_i) * 22'(input_pixel_stride_i);
      line_q         <= 32'(input_width_i) * 32'(input_pixel_stride_i);
      offset_q       <= first_offset;
      tile_offset_q  <= first_offset;
      tap_offset_q   <= first_offset;
      group_offset_q <= first_offset;
    end else if (tile_end) begin
      offset_q      <= next_offset;
      tile_offset_q <= next_offset;
      if (last_chunk) tap_offset_q <= next_offset;
      if (last_of_group) group_offset_q <= next_offset;
    end else if (step) begin
      offset_q <= row_end ? tile_offset_q : offset_q + OffsetW'($signed({1'b0, pixel_step_q}));
    end
  end

  // Vertically: input row and its address; of the first output row of this kernel row in this plane and in the first one,
  // and of the first kernel row.
  logic signed     [YW-1:0] y_q, kernel_y_q, next_y;
  logic signed [PlaceW-1:0] row_q, plane_row_q, kernel_row_q, first_row_q, next_row, next_plane, first_row;
  logic              [25:0] row_step_q, kernel_step_q;
  assign first_row  = PlaceW'($signed({1'b0, input_address_i})) +
                      PlaceW'($signed(origin_y_i)) * PlaceW'($signed({1'b0, input_row_stride_i}));
  assign next_plane = plane_row_q + PlaceW'($signed({1'b0, input_plane_stride_i}));
  always_comb begin
    next_y   = kernel_y_q;
    next_row = kernel_row_q;
    if (last_of_group) begin
      next_y   = YW'($signed(origin_y_i));
      next_row = first_row_q;
    end else if (last_chunk && last_tap) begin
      next_y   = kernel_y_q + YW'($signed({1'b0, dilation_y_i}));
      next_row = kernel_row_q + PlaceW'($signed({1'b0, kernel_step_q}));
    end
  end
  always_ff @(posedge clk_i) begin
    if (start_i) begin
      row_step_q    <= 26'(stride_y_i) * 26'(input_row_stride_i);
      kernel_step_q <= 26'(dilation_y_i) * 26'(input_row_stride_i);
      y_q           <= YW'($signed(origin_y_i));
      kernel_y_q    <= YW'($signed(origin_y_i));
      row_q         <= first_row;
      plane_row_q   <= first_row;
      kernel_row_q  <= first_row;
      first_row_q   <= first_row;
    end else if (tile_end) begin
      y_q          <= next_y;
      kernel_y_q   <= next_y;
      row_q        <= next_row;
      plane_row_q  <= next_row;
      kernel_row_q <= next_row;
    end else if (plane_end) begin
      y_q         <= kernel_y_q;
      row_q       <= next_plane;
      plane_row_q <= next_plane;
    end else if (row_end) begin
      y_q   <= y_q + YW'($signed({1'b0, stride_y_i}));
      row_q <= row_q + PlaceW'($signed({1'b0, row_step_q}));
    end
  end

  // The lanes inside the image: skip .. stop-1 of those that the tile uses. An address beyond 20 bits is an error for the
  // scratchpad to find; one below zero is right where the lanes there are skipped.
  logic        [LanesW-1:0] lanes, skip, stop;
  logic signed [RoomW-1:0]  ahead, room;
  logic signed [PlaceW:0]   place;
  logic                     inside_rows, beyond;
  assign lanes       = depthwise ? LanesW'(tile_columns) : LanesW'(tile_rows);
  assign ahead       = $signed(RoomW'(0)) - RoomW'(offset_q);
  assign room        = RoomW'($signed({1'b0, line_q})) - RoomW'(offset_q);
  assign skip        = ahead[RoomW-1] ? '0 : (ahead > $signed(RoomW'(Lanes))) ? LanesW'(Lanes) : ahead[LanesW-1:0];
  assign stop        = room[RoomW-1] ? '0 : (room > $signed(RoomW'(lanes))) ? lanes : room[LanesW-1:0];
  assign inside_rows = !y_q[YW-1] && y_q[YW-2:0] < (YW - 1)'(input_height_i);
  assign place       = (PlaceW + 1)'(row_q) + (PlaceW + 1)'(offset_q);
  assign beyond      = !place[PlaceW] && place[PlaceW-1:20] != '0;

  logic ready;
  assign step = walking_q && ready;
  operand_stream #(
    .Lanes(Lanes)
  ) u_stream (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .valid_i     (walking_q),
    .ready_o     (ready),
    .address_i   (beyond ? 21'h10_0000 : place[20:0]),
    .skip_i      (skip),
    .count_i     ((inside_rows && stop > skip) ? stop - skip : '0),
    .fill_i      (zero_point_i),
    .read_valid_o(read_valid_o),
    .read_ready_i(read_ready_i),
    .read_addr_o (read_addr_o),
    .read_skip_o (read_skip_o),
    .read_count_o(read_count_o),
    .read_data_i (read_data_i),
    .valid_o     (valid_o),
    .ready_i     (ready_i),
    .data_o      (data_o)
  );
endmodule
`default_nettype wire
