// matrix_states: the life of a Matrix command.
//   start_valid_i taken in cycle 0; running from cycle MatrixStart to the one with finished_i; done MatrixDrain later
// Golden: MATRIX_START and MATRIX_DRAIN of accel_models.cost. A command with nothing to do is done before it runs, after
// MatrixStart cycles. The next start is in the cycle after done_o. Combinational path: nothing_i -> done_o.
`default_nettype none
module matrix_states (
  input  wire logic clk_i,
  input  wire logic rst_ni,
  input  wire logic start_valid_i,
  output      logic start_ready_o,
  input  wire logic nothing_i,      // the command has nothing to do; stable from the second cycle on
  input  wire logic finished_i,     // while running: last cycle of the last tile
  output      logic starting_o,     // the cycles between start and running
  output      logic running_o,
  output      logic done_o          // last cycle
);
  typedef enum logic [1:0] {Idle, Start, Run, Drain} state_e;

  state_e     state_q, state_d;
  logic [1:0] wait_q, wait_d;  // cycles left in Start and Drain, less one
  assign start_ready_o = state_q == Idle;
  assign starting_o    = state_q == Start;
  assign running_o     = state_q == Run;

  always_comb begin
    state_d = state_q;
    wait_d  = wait_q - 2'd1;
    done_o  = 1'b0;
    unique case (state_q)
      Idle: begin
        wait_d = 2'(matrix_pkg::MatrixStart - 2);
        if (start_valid_i) state_d = Start;
      end
      Start: begin
        if (wait_q == 2'd0) begin
          state_d = nothing_i ? Idle : Run;
          done_o  = nothing_i;
        end
      end
      Run: begin
        wait_d = 2'(matrix_pkg::MatrixDrain - 1);
        if (finished_i) state_d = Drain;
      end
      default: begin  // Drain
        if (wait_q == 2'd0) begin
          state_d = Idle;
          done_o  = 1'b1;
        end
      end
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= Idle;
      wait_q  <= '0;
    end else begin
      state_q <= state_d;
      wait_q  <= wait_d;
    end
  end
endmodule
`default_nettype wire
