// window_walk: addresses of the taps of a sliding window, one tap of one column group per step.
//   iy = oy*stride_y + origin_y + ky, ix = ox*stride_x + origin_x + kx
//   address = base + group*Columns + iy*row_stride + ix*pixel_stride   (mod 2^20)
//   wide: groups are 2*Columns apart
//   inside = iy in 0 .. height-1 and ix in 0 .. width-1; for group: for oy: for ox: for ky: for kx
// Golden: accel_models.golden.vector.pool. The tap after a step stands at the outputs in the next cycle.
// Combinational path: none. The ends tell where a step leads: they come with the tap, each includes those before it.
// Two products are formed, of the origin in the cycle of start_i, of the window's stride from then on.
`default_nettype none
module window_walk #(
  parameter int unsigned Columns = 4
) (
  input  wire logic        clk_i,
  input  wire logic        start_i,         // go to the first tap; all below hold still from here on
  input  wire logic        wide_i,
  input  wire logic [19:0] base_i,
  input  wire logic [19:0] row_stride_i,
  input  wire logic [15:0] pixel_stride_i,
  input  wire logic [15:0] height_i,
  input  wire logic [15:0] width_i,
  input  wire logic [15:0] origin_y_i,      // signed
  input  wire logic [15:0] origin_x_i,
  input  wire logic  [7:0] stride_y_i,
  input  wire logic  [7:0] stride_x_i,
  input  wire logic        step_i,
  input  wire logic        tap_row_end_i,   // last tap of a window's row
  input  wire logic        pixel_end_i,     // of the window
  input  wire logic        row_end_i,       // of a row of windows
  input  wire logic        group_end_i,     // of the group
  output      logic [19:0] address_o,
  output      logic        inside_o
);
  localparam int unsigned PlaceW = 22;  // signed: 4095 * 255 + 2^15 + 254 fits

  // Addresses: of the group, of the row of windows, of the window, of its row, of the tap.
  logic [19:0] group_q, row_q, pixel_q, tap_row_q, factor_y, factor_x, product_y, product_x, from, stride, next;
  assign factor_y  = start_i ? 20'($signed(origin_y_i)) : 20'(stride_y_i);
  assign factor_x  = start_i ? 20'($signed(origin_x_i)) : 20'(stride_x_i);
  assign product_y = factor_y * row_stride_i;
  assign product_x = factor_x * 20'(pixel_stride_i);

  always_comb begin
    from   = address_o;
    stride = 20'(pixel_stride_i);
    if (start_i) begin
      from   = base_i + product_y;
      stride = product_x;
    end else if (group_end_i) begin
      from   = group_q;
      stride = wide_i ? 20'(2 * Columns) : 20'(Columns);
    end else if (row_end_i) begin
      from   = row_q;
      stride = product_y;
    end else if (pixel_end_i) begin
      from   = pixel_q;
      stride = product_x;
    end else if (tap_row_end_i) begin
      from   = tap_row_q;
      stride = row_stride_i;
    end
  end
  assign next = from + stride;

  // Places: iy of the row of windows and of the tap, ix of the window and of the tap.
  logic signed [PlaceW-1:0] row_y_q, tap_y_q, pixel_x_q, tap_x_q, next_y, next_x, origin_y, origin_x;
  assign origin_y = PlaceW'($signed(origin_y_i));
  assign origin_x = PlaceW'($signed(origin_x_i));
  assign inside_o = $unsigned(tap_y_q) < PlaceW'(height_i) && $unsigned(tap_x_q) < PlaceW'(width_i);

  always_comb begin
    next_y = tap_y_q;
    next_x = tap_x_q + PlaceW'(1);
    if (start_i || group_end_i) begin
      next_y = origin_y;
      next_x = origin_x;
    end else if (row_end_i) begin
      next_y = row_y_q + PlaceW'(stride_y_i);
      next_x = origin_x;
    end else if (pixel_end_i) begin
      next_y = row_y_q;
      next_x = pixel_x_q + PlaceW'(stride_x_i);
    end else if (tap_row_end_i) begin
      next_y = tap_y_q + PlaceW'(1);
      next_x = pixel_x_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i || step_i) begin
      address_o <= next;
      tap_y_q   <= next_y;
      tap_x_q   <= next_x;
      if (start_i || tap_row_end_i) tap_row_q <= next;
      if (start_i || pixel_end_i) begin
        pixel_q   <= next;
        pixel_x_q <= next_x;
      end
      if (start_i || row_end_i) begin
        row_q   <= next;
        row_y_q <= next_y;
      end
      if (start_i || group_end_i) group_q <= next;
    end
  end
endmodule
`default_nettype wire
