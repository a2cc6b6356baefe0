// loop_nest: the loops of a vector command: for group of `Columns` channels: for y: for x: for ky: for kx.
//   inner: for y: for x: for group: for ky: for kx; cells: kx goes over a step and then the lanes of the group
//   the ends tell that a step is the last of a window's row, of the window, of a pixel (inner: with all its groups), of a
//   row of pixels, of its group, of all; each includes those before it
// Golden: accel_models.golden.vector (the order of accesses in accel_models.requests). Latency 1: the step after step_i
// stands at the outputs in the next cycle. Combinational path: none.
`default_nettype none
module loop_nest #(
  parameter  int unsigned Columns  = 4,
  localparam int unsigned ColumnsW = $clog2(Columns + 1)
) (
  input  wire logic                clk_i,
  input  wire logic                start_i,        // go to the first step; all extents hold still from here on
  input  wire logic                inner_i,
  input  wire logic                cells_i,        // and there is no kernel width
  input  wire logic          [7:0] kernel_width_i,
  input  wire logic          [7:0] kernel_height_i,
  input  wire logic         [11:0] width_i,
  input  wire logic         [11:0] height_i,
  input  wire logic         [15:0] columns_i,
  input  wire logic                step_i,
  output      logic                first_tap_o,
  output      logic          [7:0] kx_left_o,      // taps of the window's row, this one included
  output      logic                tap_row_end_o,
  output      logic                window_end_o,
  output      logic                pixel_end_o,
  output      logic                row_end_o,
  output      logic                group_end_o,
  output      logic                last_o,
  output      logic [ColumnsW-1:0] lanes_o         // of the group
);
  logic  [7:0] ky_left_q, kernel_width;
  logic [11:0] x_left_q, y_left_q;
  logic [15:0] columns_left_q, columns_next;
  logic        last_group;
  assign tap_row_end_o = kx_left_o == 8'd1;
  assign window_end_o  = tap_row_end_o && ky_left_q == 8'd1;
  assign pixel_end_o   = window_end_o && (!inner_i || last_group);
  assign row_end_o     = pixel_end_o && x_left_q == 12'd1;
  assign group_end_o   = row_end_o && y_left_q == 12'd1;
  assign last_group    = columns_left_q <= 16'(Columns);
  assign last_o        = group_end_o && last_group;
  assign lanes_o       = last_group ? columns_left_q[ColumnsW-1:0] : ColumnsW'(Columns);
  assign columns_next  = (start_i || last_group) ? columns_i : columns_left_q - 16'(Columns);

  // Of the window after this one.
  always_comb begin
    kernel_width = kernel_width_i;
    if (cells_i) kernel_width = (columns_next > 16'(Columns)) ? 8'(Columns + 1) : columns_next[7:0] + 8'd1;
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      kx_left_o      <= kernel_width;
      ky_left_q      <= kernel_height_i;
      x_left_q       <= width_i;
      y_left_q       <= height_i;
      columns_left_q <= columns_next;
      first_tap_o    <= 1'b1;
    end else if (step_i) begin
      kx_left_o   <= tap_row_end_o ? kernel_width : kx_left_o - 8'd1;
      first_tap_o <= window_end_o;
      if (tap_row_end_o) ky_left_q <= window_end_o ? kernel_height_i : ky_left_q - 8'd1;
      if (pixel_end_o) x_left_q <= row_end_o ? width_i : x_left_q - 12'd1;
      if (row_end_o) y_left_q <= group_end_o ? height_i : y_left_q - 12'd1;
      if (inner_i ? window_end_o : group_end_o) columns_left_q <= columns_next;
    end
  end
endmodule
`default_nettype wire
