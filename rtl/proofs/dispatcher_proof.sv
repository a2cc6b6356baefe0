// dispatcher_proof: every command goes to the one queue of its engine, in the cycle in which it leaves the stream: none is lost,
//   doubled or overtaken. A full queue holds it, unchanged. Nothing goes to a queue before a start, or after an error or an End.
//   An illegal opcode and a set bit that the opcode does not use stop the segment with their cause.
// Golden: _Machine.dispatch of accel_models.timing. Combinational path: none of interest; the outputs say what is reached.
`default_nettype none
module dispatcher_proof #(
  localparam int unsigned CommandW = accel_pkg::CommandW,
  localparam int unsigned Engines  = accel_pkg::Engines
) (
  input  wire logic                clk_i,
  input  wire logic                rst_ni,
  input  wire logic                start_i,
  input  wire logic                command_valid_i,
  input  wire logic [CommandW-1:0] command_i,
  input  wire logic                fetch_busy_i,
  input  wire logic  [Engines-1:0] push_ready_i,
  input  wire logic  [Engines-1:0] queue_empty_i,
  input  wire logic  [Engines-1:0] idle_i,
  input  wire logic  [Engines-1:0] running_i,
  input  wire logic  [Engines-1:0] blocked_i,
  input  wire logic                error_i,
  input  wire logic          [3:0] error_cause_i,
  output      logic                reach_done_o,      // a segment ends behind a command to each engine
  output      logic                reach_held_o,      // a command goes after a full queue held it
  output      logic                reach_illegal_o,   // a segment fails: illegal opcode
  output      logic                reach_unused_o,    // a segment fails: unused bits
  output      logic                reach_deadlock_o   // a segment fails: deadlock
);
  logic busy_o, done_o, failed_o, dispatched_o, command_ready_o, fetch_start_o, fetch_stop_o, halt_o, flush_o;
  logic [3:0] cause_o;
  logic [Engines-1:0] push_valid_o;
  logic [1:0] state;

  dispatcher u_dut (
    .clk_i, .rst_ni, .start_i, .busy_o, .done_o, .failed_o, .cause_o, .dispatched_o, .command_valid_i, .command_ready_o,
    .command_i, .fetch_start_o, .fetch_stop_o, .fetch_busy_i, .push_valid_o, .push_ready_i, .queue_empty_i, .idle_i,
    .running_i, .blocked_i, .error_i, .error_cause_i, .halt_o, .flush_o
  );
  assign state = u_dut.state_q;

  first_reset u_first (.clk_i, .rst_ni);
  stream_rule #(.Width(CommandW), .Assumed(1'b1)) u_in (
    .clk_i, .rst_ni, .clear_i(1'b0), .valid_i(command_valid_i), .ready_i(command_ready_o), .data_i(command_i)
  );

  // The engine of an opcode, one bit each; none of End and of what is no opcode.
  logic [7:0] opcode;
  logic [Engines-1:0] engine, pushed;
  logic is_end, legal, unused_bits, taken;
  assign opcode = command_i[7:0];
  assign engine = {opcode == accel_pkg::OpcodeStore,
                   (opcode >= accel_pkg::OpcodeRequantize && opcode <= accel_pkg::OpcodeCompare) ||
                   opcode == accel_pkg::OpcodeList,
                   opcode == accel_pkg::OpcodeMatrix,
                   opcode == accel_pkg::OpcodeLoad || opcode == accel_pkg::OpcodeFill};
  assign is_end      = opcode == accel_pkg::OpcodeEnd;
  assign legal       = is_end || engine != '0;
  assign unused_bits = legal && (command_i & ~command_pkg::used_bits(opcode)) != '0;
  assign pushed      = push_valid_o & push_ready_i;
  assign taken       = command_valid_i && command_ready_o;

  // running_q: from the start of the fetch to the segment's end or its error.
  logic running_q, failing_q, stalled_q, ended, bad, stands, deadlock;
  logic         [3:0] cause_q;
  logic [Engines-1:0] offered_q, used_q;
  assign bad   = running_q && (error_i || (command_valid_i && (!legal || unused_bits)));
  assign ended = (idle_i & queue_empty_i) == '1;
  // All engines wait for tokens or have nothing to do, and the stream can go on only when one ends.
  assign stands   = command_valid_i && (is_end ? !ended : (engine & ~push_ready_i) != '0);
  assign deadlock = stands && blocked_i != '0 && (blocked_i | (idle_i & queue_empty_i)) == '1;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {running_q, failing_q, stalled_q, offered_q, used_q, cause_q} <= '0;
    end else begin
      if (fetch_start_o) running_q <= 1'b1;
      else if (done_o || fetch_stop_o) running_q <= 1'b0;
      failing_q <= bad || (failing_q && !failed_o);
      stalled_q <= running_q && push_valid_o != '0 && pushed == '0;
      offered_q <= push_valid_o;
      used_q    <= fetch_start_o ? '0 : used_q | pushed;
      if (bad) begin
        cause_q <= error_i ? error_cause_i : !legal ? accel_pkg::CauseIllegalOpcode : accel_pkg::CauseUnusedBits;
      end
    end
  end

  always_comb begin
    // One queue, in order, none lost, none doubled.
    a_one_queue        : assert (push_valid_o == '0 || (push_valid_o == engine && command_valid_i));
    a_pushed_is_taken  : assert ((pushed != '0) == (dispatched_o && !is_end));
    a_dispatched_taken : assert (!dispatched_o || (taken && running_q && !bad && (is_end || pushed == engine)));
    a_taken_or_dropped : assert (!taken || dispatched_o || halt_o);
    // A full queue holds it; what stood still goes on being offered, unless an error comes.
    a_full_holds       : assert (!(running_q && (engine & ~push_ready_i) != '0) || !command_ready_o);
    a_offer_stays      : assert (!stalled_q || push_valid_o == offered_q || fetch_stop_o);
    a_offers_at_once   : assert (!(running_q && command_valid_i && !is_end) || push_valid_o == engine || fetch_stop_o);
    a_goes_with_room   : assert (!(running_q && command_valid_i && !bad && !is_end && (engine & ~push_ready_i) == '0) ||
                                 dispatched_o);
    // Nothing but while a segment runs; a start is answered by one end.
    a_silent           : assert (running_q || (push_valid_o == '0 && !dispatched_o && !done_o));
    a_running_is_busy  : assert (!running_q || (busy_o && !halt_o && !failed_o && !fetch_start_o));
    a_one_end          : assert (!(done_o && failed_o) && (busy_o || !(done_o || failed_o)));
    a_start_is_heard   : assert (!(start_i && !busy_o && !fetch_busy_i) || fetch_start_o);
    a_end_waits        : assert (done_o == (running_q && command_valid_i && is_end && ended && !bad));
    // Errors.
    a_error_stops      : assert (!bad || fetch_stop_o);
    a_stops_for_cause  : assert (!(running_q && fetch_stop_o && !done_o) || bad || deadlock);
    a_deadlock_stops   : assert (!(running_q && deadlock) || fetch_stop_o);
    a_error_halts      : assert (!failing_q || (halt_o && cause_o == cause_q));
    a_halt_drops_all   : assert (failed_o == flush_o && (!failed_o || (halt_o && running_i == '0 && !command_valid_i)));
    a_halt_takes       : assert (!halt_o || (command_ready_o && fetch_stop_o));
    // The state and what is remembered here.
    a_state            : assert (running_q == (state == 2'd2) && halt_o == (state == 2'd3) && busy_o == (state != 2'd0));
  end

  assign reach_done_o     = done_o && used_q == '1;
  assign reach_held_o     = stalled_q && dispatched_o;
  assign reach_illegal_o  = failed_o && cause_o == accel_pkg::CauseIllegalOpcode;
  assign reach_unused_o   = failed_o && cause_o == accel_pkg::CauseUnusedBits;
  assign reach_deadlock_o = failed_o && cause_o == accel_pkg::CauseDeadlock && !failing_q;
endmodule
`default_nettype wire
