// engine_front: holds the next command of an engine until its tokens are there and its registers are read.
//   start when the engine is free and every token of the wait mask is taken; then one cycle per register operand, whose
//   value replaces the index in its field; the tokens of the signal mask are given at the end of the command's last cycle
// Golden: _Machine.engine of accel_models.timing, dispatch._resolve of accel_models.golden.
// Latency: the engine starts in the cycle after the command arrives, or in which its last token can be taken.
// Combinational paths: available_i -> take_o, start_valid_o; start_ready_i -> command_ready_o; done_i -> give_o.
`default_nettype none
module engine_front #(
  localparam int unsigned CommandW  = accel_pkg::CommandW,
  localparam int unsigned Engines   = accel_pkg::Engines,
  localparam int unsigned Registers = accel_pkg::Registers,
  localparam int unsigned Operands  = command_pkg::MaxOperands
) (
  input  wire logic                       clk_i,
  input  wire logic                       rst_ni,
  input  wire logic                       flush_i,           // forget the held command; only while the engine is free
  input  wire logic                       halt_i,            // start nothing more; takes back an offer
  input  wire logic                       command_valid_i,   // from the queue
  output      logic                       command_ready_o,
  input  wire logic        [CommandW-1:0] command_i,
  output      logic                       queued_o,          // the held command is not taken yet: the engine works
  output      logic         [Engines-1:0] wait_o,            // tokens
  input  wire logic                       available_i,
  output      logic                       take_o,
  output      logic                       give_o,
  output      logic         [Engines-1:0] signal_o,
  input  wire logic [Registers-1:0][31:0] registers_i,
  output      logic                       start_valid_o,     // to the engine
  input  wire logic                       start_ready_i,
  output      logic        [CommandW-1:0] command_o,
  input  wire logic                       done_i,            // last cycle of the command; may be that of its start
  input  wire logic                       stall_i,           // the engine lost this cycle
  output      logic                       idle_o,            // nothing held, nothing running
  output      logic                       running_o,
  output      logic                       blocked_o,         // waits for a token
  output      logic                       busy_o,            // a cycle of work
  output      logic                       stalled_o,         // a cycle lost, for tokens, registers or in the engine
  output      logic                       register_error_o   // no such register, or its value does not fit its field
);
  logic held_q, running_q, taken_q, bad_q, go, resolve, accept, pop;
  logic [CommandW-1:0] command_q;
  logic [Operands-1:0] pending_q;  // operands whose register is to be read
  logic  [Engines-1:0] signal_q;   // of the running command

  assign go              = held_q && !running_q && !bad_q && !halt_i && (taken_q || available_i);
  assign resolve         = go && pending_q != '0;
  assign start_valid_o   = go && pending_q == '0;
  assign accept          = start_valid_o && start_ready_i;
  assign command_o       = command_q;
  assign command_ready_o = !held_q || accept;
  assign pop             = command_valid_i && command_ready_o;
  assign queued_o        = held_q && running_q;
  assign wait_o          = command_q[accel_pkg::WaitLsb +: accel_pkg::WaitW];
  assign take_o          = go && !taken_q;
  assign give_o          = done_i;
  assign signal_o        = running_q ? signal_q : command_q[accel_pkg::SignalLsb +: accel_pkg::SignalW];
  assign idle_o          = !held_q && !running_q;
  assign running_o       = running_q;
  assign blocked_o       = held_q && !running_q && !taken_q && !available_i;
  assign busy_o          = (accept || running_q) && !stall_i;
  assign stalled_o       = (held_q && !running_q && !accept) || ((accept || running_q) && stall_i);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      held_q    <= 1'b0;
      running_q <= 1'b0;
      taken_q   <= 1'b0;
    end else begin
      held_q    <= !flush_i && (pop || (held_q && !accept));
      running_q <= (accept || running_q) && !done_i;
      taken_q   <= !flush_i && go && !accept;
    end
  end

  // The first pending operand: its place, its register's value, and whether that fits.
  logic       [15:0] spec;
  logic        [8:0] field;
  logic        [5:0] width;
  logic        [4:0] index;
  logic       [31:0] value, mask, outside;
  logic [CommandW-1:0] resolved;
  always_comb begin
    spec     = '0;
    field    = '0;
    width    = '0;
    index    = '0;
    value    = '0;
    mask     = '0;
    outside  = '0;
    resolved = command_q;
    if (resolve) begin
      for (int unsigned i = Operands; i > 0; i--) begin
        if (pending_q[i-1]) spec = command_pkg::operand(command_q[7:0], 4'(i - 1));
      end
      width    = spec[14:9];
      field    = spec[8:0] + 9'd1;
      index    = command_q[field +: 5];
      value    = registers_i[index];
      mask     = ~(32'hFFFF_FFFF << width);
      // Bits that must be all zero, or in a signed field all like the sign.
      outside  = (spec[15] ? (value ^ {32{value[31]}}) : value) & ~(spec[15] ? mask >> 1 : mask);
      outside  = outside | (32'(command_q >> field) & mask & ~32'(Registers - 1));  // there is no such register
      resolved = (command_q & ~(CommandW'(mask) << field)) | (CommandW'(value & mask) << field);
      resolved[spec[8:0]] = 1'b0;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      bad_q            <= 1'b0;
      register_error_o <= 1'b0;
    end else begin
      bad_q            <= !flush_i && (bad_q || (outside != '0));
      register_error_o <= outside != '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (pop) begin
      command_q <= command_i;
      for (int unsigned i = 0; i < Operands; i++) begin
        pending_q[i] <= command_pkg::operand(command_i[7:0], 4'(i)) != '0 &&
                        command_i[9'(command_pkg::operand(command_i[7:0], 4'(i)))];
      end
    end else if (resolve) begin
      command_q <= resolved;
      pending_q <= pending_q & (pending_q - 1'b1);
    end
    if (accept) signal_q <= signal_o;
  end

  always_ff @(posedge clk_i) begin
    a_done_only_while_running : assert (!done_i || running_q || accept);
    a_flush_only_while_free   : assert (!flush_i || !running_q);
  end
endmodule
`default_nettype wire
