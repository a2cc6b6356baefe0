// register_file: the 32-bit scalar registers.
//   value_o[i] = what was last written to register i; a write in one cycle can be read in the next
// Golden: State.registers of accel_models.golden. The engine's write goes before the host's in the same cycle.
// Combinational path: none. Every register is an output, so each engine front reads through a multiplexer of its own.
`default_nettype none
module register_file #(
  localparam int unsigned Registers = accel_pkg::Registers,
  localparam int unsigned IndexW    = $clog2(Registers)
) (
  input  wire logic                       clk_i,
  input  wire logic                       rst_ni,
  input  wire logic                       write_i,
  input  wire logic          [IndexW-1:0] index_i,
  input  wire logic                [31:0] data_i,
  input  wire logic                       host_write_i,
  input  wire logic          [IndexW-1:0] host_index_i,
  input  wire logic                [31:0] host_data_i,
  output      logic [Registers-1:0][31:0] value_o
);
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      value_o <= '0;
    end else begin
      if (host_write_i) value_o[host_index_i] <= host_data_i;
      if (write_i) value_o[index_i] <= data_i;
    end
  end
endmodule
`default_nettype wire
