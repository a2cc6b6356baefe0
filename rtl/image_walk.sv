// image_walk: addresses of a strided image, one pixel of one column group per step.
//   address = base + group*Columns + y*row_stride + x*pixel_stride; for group: for y: for x   (mod 2^20)
//   wide: groups are 2*Columns apart
// Golden: accel_models.golden.access.window. The address after a step stands at the output in the next cycle.
// Combinational path: none. row_end_i and group_end_i tell where the step leads: they come with the pixel.
`default_nettype none
module image_walk #(
  parameter int unsigned Columns = 4
) (
  input  wire logic        clk_i,
  input  wire logic        start_i,         // go to the first pixel; the strides hold still from here on
  input  wire logic        wide_i,
  input  wire logic [19:0] base_i,
  input  wire logic [19:0] row_stride_i,
  input  wire logic [15:0] pixel_stride_i,
  input  wire logic        step_i,
  input  wire logic        row_end_i,       // the pixel is the last of its row
  input  wire logic        group_end_i,     // and of its group
  output      logic [19:0] address_o
);
  logic [19:0] group_q, row_q, from, stride, next;

  assign from   = group_end_i ? group_q : row_end_i ? row_q : address_o;
  assign stride = group_end_i ? (wide_i ? 20'(2 * Columns) : 20'(Columns)) : row_end_i ? row_stride_i : 20'(pixel_stride_i);
  assign next   = start_i ? base_i : from + stride;

  always_ff @(posedge clk_i) begin
    if (start_i || step_i) begin
      address_o <= next;
      if (start_i || row_end_i) row_q <= next;
      if (start_i || group_end_i) group_q <= next;
    end
  end
endmodule
`default_nettype wire
