// lookup_table: 256 int8 codes, one copy that every lane reads.
//   y[l] = enable ? table[x[l] + 128] : x[l]; written in words of `Columns` bytes, the last one may be partial
// Golden: accel_models.golden.vector (the table of Requantize, Elementwise and Pool). Latency 0, one vector per cycle.
// Combinational path: data_i -> data_o. A word written in one cycle counts from the next one on.
`default_nettype none
module lookup_table #(
  parameter int unsigned Columns = 4
) (
  input  wire logic                    clk_i,
  input  wire logic                    write_i,
  input  wire logic              [7:0] word_i,
  input  wire logic [Columns-1:0][7:0] word_data_i,
  input  wire logic                    enable_i,
  input  wire logic [Columns-1:0][7:0] data_i,
  output      logic [Columns-1:0][7:0] data_o
);
  logic [accel_pkg::TableBytes-1:0][7:0] codes_q;

  always_ff @(posedge clk_i) begin
    if (write_i) begin
      for (int unsigned i = 0; i < accel_pkg::TableBytes; i++) begin
        if (word_i == 8'(i / Columns)) codes_q[i] <= word_data_i[i % Columns];
      end
    end
  end

  always_comb begin
    for (int unsigned l = 0; l < Columns; l++) data_o[l] = enable_i ? codes_q[data_i[l] ^ 8'h80] : data_i[l];
  end
endmodule
`default_nettype wire
