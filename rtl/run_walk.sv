// run_walk: counts through the runs of a transfer, plane by plane and row by row.
//   for plane: for row: one run
// Golden: the order of accel_models.golden.transfer._copy. The run after next_i is at the outputs in the next cycle.
// Combinational path: none. rows_i must hold still from start_i on; rows_i and planes_i are at least 1.
`default_nettype none
module run_walk (
  input  wire logic        clk_i,
  input  wire logic        start_i,      // go to the first run
  input  wire logic [15:0] rows_i,
  input  wire logic [15:0] planes_i,     // taken with start_i
  input  wire logic        next_i,
  output      logic        plane_end_o,  // the last run of its plane
  output      logic        last_o        // the last run of all
);
  logic [15:0] rows_left_q, planes_left_q;

  assign plane_end_o = rows_left_q == 16'd1;
  assign last_o      = plane_end_o && planes_left_q == 16'd1;

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      rows_left_q   <= rows_i;
      planes_left_q <= planes_i;
    end else if (next_i) begin
      rows_left_q <= plane_end_o ? rows_i : rows_left_q - 16'd1;
      if (plane_end_o) planes_left_q <= planes_left_q - 16'd1;
    end
  end
endmodule
`default_nettype wire
