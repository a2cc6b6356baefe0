// scratchpad_bank: one single-ported bank of the scratchpad; an SRAM macro with byte enables takes its place on a chip.
//   write: mem[row][i] = data[i] where enabled; else read: data_o = mem[row], in the next cycle
// Golden: the scratchpad of accel_models.golden. Latency 1, one access per cycle. Combinational path: none.
`default_nettype none
module scratchpad_bank #(
  parameter  int unsigned WordBytes = 16,
  parameter  int unsigned Depth     = 1024,
  localparam int unsigned RowW      = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  wire logic                   clk_i,
  input  wire logic                   read_i,
  input  wire logic   [WordBytes-1:0] write_i,  // byte enables
  input  wire logic        [RowW-1:0] row_i,
  input  wire logic [WordBytes*8-1:0] data_i,
  output      logic [WordBytes*8-1:0] data_o    // holds until the next read
);
  logic [WordBytes*8-1:0] mem [Depth];

  always_ff @(posedge clk_i) begin
    for (int unsigned i = 0; i < WordBytes; i++) begin
      if (write_i[i]) mem[row_i][8*i+:8] <= data_i[8*i+:8];
    end
    if (read_i) data_o <= mem[row_i];
  end
endmodule
`default_nettype wire
