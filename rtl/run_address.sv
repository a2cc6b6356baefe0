// run_address: first address of each run of a transfer, on one of its two sides.
//   address + row * row_stride + plane * plane_stride; of a listed transfer address + row * row_stride + plane_stride,
//   where plane_stride is the offset of the plane that is gone to
// Golden: accel_models.golden.access.window. Steps with run_walk: the run after next_i is at the output in the next
// cycle. Bit Width of the output says that this run is the first to leave Width bits, on its way from the run before.
// Combinational path: none. The strides must hold still after start_i, an offset while it is used.
`default_nettype none
module run_address #(
  parameter int unsigned Width = 20
) (
  input  wire logic             clk_i,
  input  wire logic             start_i,
  input  wire logic [Width-1:0] address_i,
  input  wire logic [Width-1:0] row_stride_i,
  input  wire logic [Width-1:0] plane_stride_i,
  input  wire logic             next_i,
  input  wire logic             plane_end_i,
  input  wire logic             listed_i,
  output      logic   [Width:0] address_o
);
  logic [Width-1:0] plane_q, from, stride;
  logic   [Width:0] next;

  assign from   = plane_end_i ? plane_q : address_o[Width-1:0];
  assign stride = plane_end_i ? plane_stride_i : row_stride_i;
  assign next   = {1'b0, from} + {1'b0, stride};

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      address_o <= {1'b0, address_i};
      plane_q   <= address_i;
    end else if (next_i) begin
      address_o <= next;
      if (plane_end_i && !listed_i) plane_q <= next[Width-1:0];
    end
  end
endmodule
`default_nettype wire
