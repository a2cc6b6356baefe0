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
endpackage
`default_nettype wire
