// pixel_walk: the operand vectors of one tile of a Matrix command, one per step.
//   one per output pixel, plane by plane, row by row; depthwise: one per input pixel, (width-1)*stride_x + taps in each output row, of
//   which the last one of every window completes an output pixel
// Golden: the steps of accel_models.golden.streams.operand_vectors. After the last vector comes the first one again.
// Combinational path: step_i -> every output. Counters count down, so that nothing is multiplied.
`default_nettype none
module pixel_walk (
  input  wire logic        clk_i,
  input  wire logic        start_i,      // go to the first vector; the limits hold still from here on
  input  wire logic        depthwise_i,
  input  wire logic  [5:0] stride_x_i,
  input  wire logic  [7:0] taps_i,
  input  wire logic [11:0] planes_i,
  input  wire logic [11:0] height_i,
  input  wire logic [11:0] width_i,
  input  wire logic        step_i,
  output      logic        pixel_o,      // the step's vector completes an output pixel
  output      logic        row_end_o,    // and with it an output row
  output      logic        plane_end_o,  // and with it a plane
  output      logic        last_o        // and with it the tile
);
  logic [11:0] x_left_q, y_left_q, planes_left_q;
  logic  [7:0] skip_q;  // vectors before the next one that completes a pixel: the chain fills, the stride passes over

  assign pixel_o     = step_i && skip_q == '0;
  assign row_end_o   = pixel_o && x_left_q == 12'd1;
  assign plane_end_o = row_end_o && y_left_q == 12'd1;
  assign last_o      = plane_end_o && planes_left_q == 12'd1;

  always_ff @(posedge clk_i) begin
    if (start_i || row_end_o) begin
      x_left_q <= width_i;
      skip_q   <= depthwise_i ? taps_i - 8'd1 : '0;
    end else if (pixel_o) begin
      x_left_q <= x_left_q - 12'd1;
      skip_q   <= depthwise_i ? 8'(stride_x_i) - 8'd1 : '0;
    end else if (step_i) begin
      skip_q   <= skip_q - 8'd1;
    end
    if (start_i || plane_end_o) y_left_q <= height_i;
    else if (row_end_o) y_left_q <= y_left_q - 12'd1;
    if (start_i || last_o) planes_left_q <= planes_i;
    else if (plane_end_o) planes_left_q <= planes_left_q - 12'd1;
  end
endmodule
`default_nettype wire
