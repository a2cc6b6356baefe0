// range_maximum: the largest absolute value of vectors of 32-bit sums.
//   result = max over the vectors since clear_i and over their first `lanes` lanes of min(|sum|, 2^31 - 1); 0 of none
// Golden: accel_models.golden.vector.range_. A vector counts three cycles after it came, one vector per cycle.
// Combinational path: none. Stages: magnitudes, largest lane, largest vector.
`default_nettype none
module range_maximum #(
  parameter  int unsigned Columns  = 4,
  localparam int unsigned ColumnsW = $clog2(Columns + 1)
) (
  input  wire logic                     clk_i,
  input  wire logic                     rst_ni,
  input  wire logic                     clear_i,  // no vector is in flight
  input  wire logic                     valid_i,
  input  wire logic      [ColumnsW-1:0] lanes_i,
  input  wire logic [Columns-1:0][31:0] sums_i,
  output      logic              [30:0] result_o
);
  logic                     magnitude_valid_q, lane_valid_q;
  logic [Columns-1:0][30:0] magnitude_q, magnitude;
  logic              [30:0] lane_q, lane;

  always_comb begin
    lane = '0;
    for (int unsigned l = 0; l < Columns; l++) begin
      // The lowest sum has no positive counterpart: it counts as the largest value, its complement.
      magnitude[l] = !sums_i[l][31] ? sums_i[l][30:0] :
                     (sums_i[l][30:0] == '0) ? '1 : ~sums_i[l][30:0] + 31'd1;
      if (ColumnsW'(l) >= lanes_i) magnitude[l] = '0;
      if (magnitude_q[l] > lane) lane = magnitude_q[l];
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      magnitude_valid_q <= 1'b0;
      lane_valid_q      <= 1'b0;
    end else begin
      magnitude_valid_q <= valid_i;
      lane_valid_q      <= magnitude_valid_q;
    end
  end
  always_ff @(posedge clk_i) begin
    magnitude_q <= magnitude;
    lane_q      <= lane;
    if (clear_i) result_o <= '0;
    else if (lane_valid_q && lane_q > result_o) result_o <= lane_q;
  end
endmodule
`default_nettype wire
