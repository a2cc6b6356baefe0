// range_maximum: the largest magnitude, or the largest positive value, of vectors of 33-bit sums.
//   result = max(start, min(positive ? sum : |sum|, 2^31 - 1)) over all lanes of the vectors since clear_i
// Golden: accel_models.golden.training.range_of, vector.range_. A vector counts three cycles after it came, one per cycle;
// the same one may come again. Combinational path: none. Stages: magnitudes, largest lane, largest vector.
`default_nettype none
module range_maximum #(
  parameter int unsigned Columns = 4
) (
  input  wire logic                     clk_i,
  input  wire logic                     rst_ni,
  input  wire logic                     clear_i,     // no vector is in flight
  input  wire logic              [30:0] start_i,
  input  wire logic                     positive_i,
  input  wire logic                     valid_i,
  input  wire logic [Columns-1:0][32:0] sums_i,      // lanes that are not used are 0
  output      logic              [30:0] result_o
);
  logic                     magnitude_valid_q, lane_valid_q;
  logic [Columns-1:0][30:0] magnitude_q, magnitude;
  logic              [30:0] lane_q, lane;
  logic              [32:0] wide;

  always_comb begin
    lane = '0;
    for (int unsigned l = 0; l < Columns; l++) begin
      wide = !sums_i[l][32] ? sums_i[l] : positive_i ? '0 : ~sums_i[l] + 33'd1;
      magnitude[l] = (wide[32:31] != '0) ? '1 : wide[30:0];
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
    if (clear_i) result_o <= start_i;
    else if (lane_valid_q && lane_q > result_o) result_o <= lane_q;
  end
endmodule
`default_nettype wire
