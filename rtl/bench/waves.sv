// waves: a VCD of a window of the accelerator's cycles.
//   +waves_file=NAME +waves_start=N +waves_stop=N: cycles N of the accelerator's work, from its first start on, stop
//   exclusive; without the file nothing is recorded. Only a build with tracing (WAVES) writes anything.
// Golden: none. Combinational path: none. For simulation only.
`default_nettype none
module waves (
  input  wire logic clk_i,
  input  wire logic busy_i   // the accelerator works on a segment
);
  string           file;
  longint unsigned start, stop, cycle_q;  // cycle_q: busy ones so far
  logic            wanted, recording_q, over_q;

  initial begin
    wanted = $value$plusargs("waves_file=%s", file) != 0 && $value$plusargs("waves_start=%d", start) != 0 &&
             $value$plusargs("waves_stop=%d", stop) != 0;
    if (wanted) $dumpfile(file);
  end

  // At the falling edge, so that the rising edge of the first cycle is in the window and that after the last one is not.
  always @(negedge clk_i) begin
    if (busy_i) cycle_q <= cycle_q + 64'd1;
    if (wanted && !recording_q && busy_i && cycle_q == start) begin
      $dumpvars;
      recording_q <= 1'b1;
    end
    if (recording_q && !over_q && cycle_q == stop) begin
`ifdef WAVES
      $c("vlSymsp->_traceDumpClose();");  // $dumpoff is accepted and has no effect
`endif
      over_q <= 1'b1;
    end
  end
endmodule
`default_nettype wire
