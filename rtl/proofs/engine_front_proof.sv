// engine_front_proof: one start a command, in order; its tokens are taken once, before it starts, and given once, at its end.
//   a command without register operands starts unchanged; of one with operands the opcode and both masks stay as they were
// Assumed of the engine: done only while it works. Of the dispatcher: a halt stays until the flush, which comes while the
// engine is free. The values that operands get are not proved here.
// Golden: _Machine.engine of accel_models.timing. Combinational path: none of interest; the outputs say what is reached.
`default_nettype none
module engine_front_proof #(
  localparam int unsigned CommandW  = accel_pkg::CommandW,
  localparam int unsigned Engines   = accel_pkg::Engines,
  localparam int unsigned Registers = accel_pkg::Registers,
  localparam int unsigned Operands  = command_pkg::MaxOperands
) (
  input  wire logic                       clk_i,
  input  wire logic                       rst_ni,
  input  wire logic                       flush_i,
  input  wire logic                       halt_i,
  input  wire logic                       command_valid_i,
  input  wire logic        [CommandW-1:0] command_i,
  input  wire logic                       available_i,
  input  wire logic                [31:0] value_i,           // of every register: one is read in a cycle, so this is any
  input  wire logic                       start_ready_i,
  input  wire logic                       done_i,
  input  wire logic                       stall_i,
  output      logic                       reach_waited_o,    // a command starts after it was blocked, and took its tokens
  output      logic                       reach_resolved_o,  // a command starts after a register was read
  output      logic                       reach_refused_o,   // the engine was not ready, then is
  output      logic                       reach_again_o,     // a second command ends after it waited for the first
  output      logic                       reach_at_once_o    // a command is done in the cycle of its start
);
  logic command_ready_o, queued_o, take_o, give_o, start_valid_o, idle_o, running_o, blocked_o, busy_o, stalled_o;
  logic register_error_o, pop, accept;
  logic [Engines-1:0] wait_o, signal_o;
  logic [CommandW-1:0] command_o;
  logic held, running, taken, bad;
  logic [Operands-1:0] pending;
  logic  [Engines-1:0] mask;

  engine_front u_dut (
    .clk_i, .rst_ni, .flush_i, .halt_i, .command_valid_i, .command_ready_o, .command_i, .queued_o, .wait_o, .available_i,
    .take_o, .give_o, .signal_o, .registers_i({Registers{value_i}}), .start_valid_o, .start_ready_i, .command_o, .done_i, .stall_i, .idle_o,
    .running_o, .blocked_o, .busy_o, .stalled_o, .register_error_o
  );
  assign held    = u_dut.held_q;
  assign running = u_dut.running_q;
  assign taken   = u_dut.taken_q;
  assign bad     = u_dut.bad_q;
  assign pending = u_dut.pending_q;
  assign mask    = u_dut.signal_q;
  assign pop     = command_valid_i && command_ready_o;
  assign accept  = start_valid_o && start_ready_i;

  first_reset u_first (.clk_i, .rst_ni);
  stream_rule #(.Width(CommandW)) u_start (  // halt_i takes back an offer
    .clk_i, .rst_ni, .clear_i(1'b0), .valid_i(start_valid_o || halt_i), .ready_i(start_ready_i || halt_i), .data_i(command_o)
  );

  // waiting_q: a command was taken from the queue and has not started; took_q: its tokens were taken.
  // works_q: one has started and has not ended.
  logic waiting_q, took_q, works_q, plain_q, halted_q, blocked_q, refused_q, second_q, queued_q;
  logic [CommandW-1:0] command_q;
  logic  [Engines-1:0] signal_q;
  logic [Operands-1:0] operands, possible;  // that the command from the queue has; that the held one's opcode knows
  always_comb begin
    for (int unsigned i = 0; i < Operands; i++) begin
      possible[i] = command_pkg::operand(command_q[7:0], 4'(i)) != '0;
      operands[i] = command_pkg::operand(command_i[7:0], 4'(i)) != '0 &&
                    command_i[9'(command_pkg::operand(command_i[7:0], 4'(i)))];
    end
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {waiting_q, took_q, works_q, halted_q, blocked_q, refused_q, second_q} <= '0;
    end else begin
      waiting_q <= !flush_i && (pop || (waiting_q && !accept));
      took_q    <= !flush_i && !accept && (took_q || take_o);
      works_q   <= (works_q || accept) && !done_i;
      halted_q  <= halt_i && !flush_i;
      blocked_q <= !accept && (blocked_q || blocked_o);
      refused_q <= start_valid_o && !start_ready_i;
      second_q  <= accept ? queued_q : second_q;
    end
  end
  always_ff @(posedge clk_i) begin
    queued_q <= queued_o;
    if (pop) begin
      command_q <= command_i;
      plain_q   <= operands == '0;
    end
    if (accept) signal_q <= command_q[15:12];
  end

  always_comb begin
    m_done_while_working : assume (!done_i || works_q || accept);
    m_flush_while_free   : assume (!flush_i || !works_q);
    m_flush_in_halt      : assume (!flush_i || halt_i);
    m_halt_until_flush   : assume (!halted_q || halt_i);
  end
  always_comb begin
    // One start a command.
    a_starts_what_waits : assert (!start_valid_o || (waiting_q && !works_q && !halt_i));
    a_no_second_command : assert (!pop || !waiting_q || accept);
    a_takes_when_free   : assert (command_ready_o == (!waiting_q || accept));
    // Tokens: all of a command are taken at once, once, when they are there, before it starts.
    a_take_once         : assert (!take_o || (waiting_q && !took_q && available_i && !works_q && !halt_i));
    a_start_after_take  : assert (!accept || took_q || take_o);
    a_wait_mask         : assert (!waiting_q || wait_o == command_q[11:8]);
    a_give_at_the_end   : assert (give_o == done_i && (!give_o || works_q || accept));
    a_signal_mask       : assert (!give_o || signal_o == (works_q ? signal_q : command_q[15:12]));
    a_started_opcode    : assert (!start_valid_o || command_o[15:0] == command_q[15:0]);
    a_started_unchanged : assert (!(waiting_q && plain_q) || command_o == command_q);
    // What it says of itself.
    a_idle              : assert (idle_o == (!waiting_q && !works_q) && running_o == works_q);
    a_queued            : assert (queued_o == (waiting_q && works_q));
    a_blocked           : assert (blocked_o == (waiting_q && !works_q && !taken && !available_i));
    a_busy              : assert (busy_o == ((accept || works_q) && !stall_i));
    a_stalled           : assert (stalled_o == ((waiting_q && !works_q && !accept) || ((accept || works_q) && stall_i)));
    a_error_is_told     : assert (!register_error_o || bad);
    // The registers and what is remembered here.
    a_state             : assert (held == waiting_q && running == works_q && (!works_q || mask == signal_q));
    a_taken             : assert (took_q == taken || halted_q || halt_i || bad);
    a_taken_in_front    : assert (!took_q || (waiting_q && !works_q));
    a_head              : assert (!waiting_q || command_o[15:0] == command_q[15:0]);
    a_plain             : assert (!(waiting_q && plain_q) || pending == '0);
    a_pending_known     : assert (!waiting_q || (pending & ~possible) == '0);
  end

  assign reach_waited_o   = blocked_q && accept && wait_o != '0;
  assign reach_resolved_o = accept && !plain_q && took_q;
  assign reach_refused_o  = refused_q && accept;
  assign reach_again_o    = second_q && done_i && works_q;
  assign reach_at_once_o  = accept && done_i;
endmodule
`default_nettype wire
