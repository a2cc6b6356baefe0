// index_walk: what is hashed for noise: key and place in its tensor of lane 0 of each vector.
//   index = base + group*Columns + y*row_stride + x*pixel_stride, for group: for y: for x (mod 2^32); dense: rows follow
//   each other as pixels do
// Golden: accel_models.golden.training (index). The index after a step stands at the output in the next cycle.
// Combinational path: none.
`default_nettype none
module index_walk #(
  parameter int unsigned Columns = 4
) (
  input  wire logic        clk_i,
  input  wire logic        start_i,         // go to the first vector; the strides hold still from here on
  input  wire logic        dense_i,
  input  wire logic [31:0] base_i,
  input  wire logic [19:0] row_stride_i,
  input  wire logic [15:0] pixel_stride_i,
  input  wire logic        step_i,
  input  wire logic        row_end_i,       // the vector is the last of its row
  input  wire logic        group_end_i,     // and of its group
  output      logic [31:0] index_o
);
  logic [31:0] group_q, row_q, from, stride, next;
  logic        row_end;

  assign row_end = row_end_i && !dense_i;
  assign from    = group_end_i ? group_q : row_end ? row_q : index_o;
  assign stride  = group_end_i ? Columns : row_end ? 32'(row_stride_i) : 32'(pixel_stride_i);
  assign next    = start_i ? base_i : from + stride;

  always_ff @(posedge clk_i) begin
    if (start_i || step_i) begin
      index_o <= next;
      if (start_i || row_end) row_q <= next;
      if (start_i || group_end_i) group_q <= next;
    end
  end
endmodule
`default_nettype wire
