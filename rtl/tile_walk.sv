// tile_walk: the loop nest of a matrix command, one array-sized tile per step.
//   for group of `Columns` outputs: for kernel row: for tap: for chunk of `Rows` bytes of the run
// Golden: the tile order of accel_models.golden.streams.operand_vectors. The tile after next_i stands at the outputs in
// the next cycle. Combinational path: none. Counters count down, so that no division is needed: the last chunk and the
// last group are whatever is left.
`default_nettype none
module tile_walk #(
  parameter  int unsigned Rows     = 4,
  parameter  int unsigned Columns  = 4,
  localparam int unsigned RowsW    = $clog2(Rows + 1),
  localparam int unsigned ColumnsW = $clog2(Columns + 1)
) (
  input  wire logic                clk_i,
  input  wire logic                start_i,          // go to the first tile; the limits hold still from here on
  input  wire logic          [7:0] kernel_height_i,
  input  wire logic          [7:0] taps_i,
  input  wire logic         [15:0] run_bytes_i,
  input  wire logic         [15:0] columns_i,
  input  wire logic                next_i,
  output      logic    [RowsW-1:0] rows_o,           // bytes of this chunk, 1 .. Rows
  output      logic [ColumnsW-1:0] columns_o,        // outputs of this group, 1 .. Columns
  output      logic                first_of_group_o,
  output      logic                last_chunk_o,     // of the run
  output      logic                last_tap_o,       // of the kernel row
  output      logic                last_of_group_o,
  output      logic                last_o
);
  logic [15:0] run_left_q, columns_left_q;
  logic  [7:0] taps_left_q, kernel_rows_left_q;
  logic        last_chunk, last_tap, last_kernel_row, last_group;

  assign last_chunk      = run_left_q <= 16'(Rows);
  assign last_tap        = taps_left_q == 8'd1;
  assign last_kernel_row = kernel_rows_left_q == 8'd1;
  assign last_group      = columns_left_q <= 16'(Columns);
  assign rows_o          = last_chunk ? run_left_q[RowsW-1:0] : RowsW'(Rows);
  assign columns_o       = last_group ? columns_left_q[ColumnsW-1:0] : ColumnsW'(Columns);
  assign last_chunk_o    = last_chunk;
  assign last_tap_o      = last_tap;
  assign last_of_group_o = last_chunk && last_tap && last_kernel_row;
  assign last_o          = last_of_group_o && last_group;

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      run_left_q         <= run_bytes_i;
      taps_left_q        <= taps_i;
      kernel_rows_left_q <= kernel_height_i;
      columns_left_q     <= columns_i;
      first_of_group_o   <= 1'b1;
    end else if (next_i) begin
      first_of_group_o <= last_of_group_o;
      run_left_q       <= last_chunk ? run_bytes_i : run_left_q - 16'(Rows);
      if (last_chunk) begin
        taps_left_q <= last_tap ? taps_i : taps_left_q - 8'd1;
        if (last_tap) begin
          kernel_rows_left_q <= last_kernel_row ? kernel_height_i : kernel_rows_left_q - 8'd1;
          if (last_kernel_row) columns_left_q <= columns_left_q - 16'(Columns);
        end
      end
    end
  end
endmodule
`default_nettype wire
