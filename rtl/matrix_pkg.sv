// matrix_pkg: constants of the matrix engine; the numbers of accel_models.commands.MatrixMode and accel_models.cost.
`default_nettype none
package matrix_pkg;
  typedef enum logic [1:0] {
    ModeDot       = 2'd0,  // weights stay, a column adder tree reduces over input channels
    ModeDepthwise = 2'd1,  // one channel per column, the rows chain the taps of one kernel row
    ModeOuter     = 2'd2   // sums stay in the PEs: products of two channel vectors, summed over pixels
  } mode_e;

  // A module uses some of these, not all.
  // verilator lint_off UNUSEDPARAM
  localparam int unsigned MatrixStart       = 3;  // decode, address generator, first scratchpad word
  localparam int unsigned MatrixDrain       = 4;  // operand register, product, column sum, accumulator write
  localparam int unsigned AccumulateLatency = 4;  // the same accumulator entry again after this many cycles
  // verilator lint_on UNUSEDPARAM

  // Commands that golden refuses.
  function automatic logic refused(input logic [1:0] mode, input logic [7:0] taps, input logic [7:0] rows);
    refused = mode > matrix_pkg::ModeOuter || (mode == matrix_pkg::ModeDepthwise && taps > rows);
  endfunction

  // Without pixels nothing happens. The other sizes are never zero in a checked program: they must not hang it.
  function automatic logic empty(
    input logic [1:0] mode, input logic [11:0] planes, input logic [11:0] output_height, input logic [11:0] output_width,
    input logic [7:0] kernel_height, input logic [7:0] taps, input logic [15:0] run_bytes, input logic [15:0] columns
  );
    empty = planes == '0 || output_height == '0 || output_width == '0 || kernel_height == '0 || taps == '0 ||
            columns == '0 || (mode != matrix_pkg::ModeDepthwise && run_bytes == '0);
  endfunction
endpackage
`default_nettype wire
