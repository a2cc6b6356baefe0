// dispatcher: one segment of commands after the other, from the fetch stream into the queues of the engines.
//   every command goes to the queue of its engine, in order; End waits until all engines are free and ends the segment
//   an error ends it too: nothing more starts, what runs finishes, then everything else is dropped
// Golden: _Machine.dispatch of accel_models.timing. One command a cycle while the queues have room.
// Combinational paths: command_i, command_valid_i -> push_valid_o; push_ready_i -> command_ready_o.
`default_nettype none
module dispatcher #(
  localparam int unsigned CommandW = accel_pkg::CommandW,
  localparam int unsigned Engines  = accel_pkg::Engines
) (
  input  wire logic                clk_i,
  input  wire logic                rst_ni,
  input  wire logic                start_i,          // pulse; ignored while busy
  output      logic                busy_o,
  output      logic                done_o,           // pulse in the last busy cycle of a segment without an error
  output      logic                failed_o,         // pulse in the last busy cycle of a segment with one
  output      logic          [3:0] cause_o,          // of the error
  output      logic                dispatched_o,     // pulse: a command, End included, left the stream
  input  wire logic                command_valid_i,  // from command_fetch
  output      logic                command_ready_o,
  input  wire logic [CommandW-1:0] command_i,
  output      logic                fetch_start_o,    // fetch from the segment's address
  output      logic                fetch_stop_o,     // no more commands are wanted; what is on its way is dropped
  input  wire logic                fetch_busy_i,     // it reads, or drops what is on its way
  output      logic  [Engines-1:0] push_valid_o,     // to the queues, together with command_i
  input  wire logic  [Engines-1:0] push_ready_i,
  input  wire logic  [Engines-1:0] queue_empty_i,
  input  wire logic  [Engines-1:0] idle_i,           // of the fronts
  input  wire logic  [Engines-1:0] running_i,
  input  wire logic  [Engines-1:0] blocked_i,
  input  wire logic                error_i,          // of anything else; may stay
  input  wire logic          [3:0] error_cause_i,
  output      logic                halt_o,           // start nothing more
  output      logic                flush_o           // drop queues, fronts and tokens
);
  typedef enum logic [1:0] {Idle, Start, Run, Halt} state_e;
  state_e state_q, state_d;

  // What the command is. An opcode without an engine is End or illegal.
  logic [Engines-1:0] target;
  logic is_end, legal, clean, room, all_idle;
  always_comb begin
    target = '0;
    is_end = 1'b0;
    unique case (command_i[accel_pkg::OpcodeLsb +: accel_pkg::OpcodeW])
      accel_pkg::OpcodeLoad, accel_pkg::OpcodeFill: target[accel_pkg::EngineLoad] = 1'b1;
      accel_pkg::OpcodeMatrix:                      target[accel_pkg::EngineMatrix] = 1'b1;
      accel_pkg::OpcodeRequantize, accel_pkg::OpcodeElementwise, accel_pkg::OpcodePool, accel_pkg::OpcodeRange,
      accel_pkg::OpcodeSetRegister, accel_pkg::OpcodeLoadRegisters, accel_pkg::OpcodeStoreRegisters,
      accel_pkg::OpcodeUpdate, accel_pkg::OpcodeSum, accel_pkg::OpcodeCompare,
      accel_pkg::OpcodeList:                        target[accel_pkg::EngineVector] = 1'b1;
      accel_pkg::OpcodeStore:                       target[accel_pkg::EngineStore] = 1'b1;
      accel_pkg::OpcodeEnd:                         is_end = 1'b1;
      default:                                      target = '0;
    endcase
  end
  assign legal    = is_end || target != '0;
  assign clean    = (command_i & ~command_pkg::used_bits(command_i[accel_pkg::OpcodeLsb +: accel_pkg::OpcodeW])) == '0;
  assign room     = (target & ~push_ready_i) == '0;
  assign all_idle = (idle_i & queue_empty_i) == '1;

  // The stream stands, every engine with a command waits for a token, none runs that could give one.
  logic stands, deadlock;
  assign stands   = command_valid_i && (is_end ? !all_idle : !room);
  assign deadlock = stands && (blocked_i | (idle_i & queue_empty_i)) == '1 && blocked_i != '0;

  logic       fault;
  logic [3:0] fault_cause, cause_q;
  always_comb begin
    fault       = 1'b1;
    fault_cause = error_cause_i;
    if (!error_i) begin
      if (command_valid_i && !legal) fault_cause = accel_pkg::CauseIllegalOpcode;
      else if (command_valid_i && !clean) fault_cause = accel_pkg::CauseUnusedBits;
      else if (deadlock) fault_cause = accel_pkg::CauseDeadlock;
      else fault = 1'b0;
    end
  end

  always_comb begin
    state_d         = state_q;
    command_ready_o = 1'b0;
    push_valid_o    = '0;
    fetch_start_o   = 1'b0;
    dispatched_o    = 1'b0;
    done_o          = 1'b0;
    failed_o        = 1'b0;
    flush_o         = 1'b0;
    unique case (state_q)
      Idle: begin
        fetch_start_o = start_i && !fetch_busy_i;
        if (start_i) state_d = fetch_busy_i ? Start : Run;
      end
      Start: begin  // what the last segment fetched beyond its End is still coming
        fetch_start_o = !fetch_busy_i;
        if (!fetch_busy_i) state_d = Run;
      end
      Run: begin
        if (fault) begin
          state_d = Halt;
        end else if (command_valid_i) begin
          push_valid_o    = target;
          command_ready_o = is_end ? all_idle : room;
          dispatched_o    = command_ready_o;
          done_o          = is_end && all_idle;
          if (done_o) state_d = Idle;
        end
      end
      default: begin  // Halt
        command_ready_o = 1'b1;
        if (running_i == '0 && !fetch_busy_i && !command_valid_i) begin
          flush_o  = 1'b1;
          failed_o = 1'b1;
          state_d  = Idle;
        end
      end
    endcase
  end
  assign busy_o       = state_q != Idle;
  assign halt_o       = state_q == Halt;
  assign fetch_stop_o = done_o || (state_q == Run && fault) || state_q == Halt;
  assign cause_o      = cause_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= Idle;
      cause_q <= accel_pkg::CauseNone;
    end else begin
      state_q <= state_d;
      if (state_q == Run && fault) cause_q <= fault_cause;
    end
  end

  always_ff @(posedge clk_i) begin
    a_one_engine : assert ((push_valid_o & (push_valid_o - 1'b1)) == '0);
  end
endmodule
`default_nettype wire
