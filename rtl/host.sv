// host: what the microcontroller sees: registers, interrupt and performance counters.
//   wiring of csr and counters
// Golden: accel_models.registers. Latency and combinational paths: those of csr.
`default_nettype none
module host #(
  parameter  int unsigned Rows      = 4,
  parameter  int unsigned Columns   = 4,
  parameter  int unsigned PadBytes  = 16384,
  parameter  int unsigned BytesMax  = 16,                 // bytes that a load or a store moves in a cycle
  localparam int unsigned Engines   = accel_pkg::Engines,
  localparam int unsigned Registers = accel_pkg::Registers,
  localparam int unsigned ScalarW   = $clog2(Registers),
  localparam int unsigned CounterW  = $clog2(accel_pkg::Counters),
  localparam int unsigned AddressW  = $clog2(accel_pkg::CsrBytes),
  localparam int unsigned BytesW    = $clog2(BytesMax + 1),
  localparam int unsigned MacsW     = $clog2(Rows * Columns + 1)
) (
  input  wire logic                       clk_i,
  input  wire logic                       rst_ni,
  input  wire logic        [AddressW-1:0] s_axil_awaddr,
  input  wire logic                 [2:0] s_axil_awprot,
  input  wire logic                       s_axil_awvalid,
  output      logic                       s_axil_awready,
  input  wire logic                [31:0] s_axil_wdata,
  input  wire logic                 [3:0] s_axil_wstrb,
  input  wire logic                       s_axil_wvalid,
  output      logic                       s_axil_wready,
  output      logic                 [1:0] s_axil_bresp,
  output      logic                       s_axil_bvalid,
  input  wire logic                       s_axil_bready,
  input  wire logic        [AddressW-1:0] s_axil_araddr,
  input  wire logic                 [2:0] s_axil_arprot,
  input  wire logic                       s_axil_arvalid,
  output      logic                       s_axil_arready,
  output      logic                [31:0] s_axil_rdata,
  output      logic                 [1:0] s_axil_rresp,
  output      logic                       s_axil_rvalid,
  input  wire logic                       s_axil_rready,
  output      logic                       irq_o,
  output      logic                       start_o,            // pulse, never while busy
  output      logic                [31:0] command_address_o,
  input  wire logic                       busy_i,             // of the dispatcher
  input  wire logic                       done_i,
  input  wire logic                       failed_i,
  input  wire logic                 [3:0] cause_i,            // with failed_i
  input  wire logic                       dispatched_i,       // events of this cycle
  input  wire logic         [Engines-1:0] engine_busy_i,
  input  wire logic         [Engines-1:0] engine_stalled_i,
  input  wire logic          [BytesW-1:0] bytes_read_i,
  input  wire logic          [BytesW-1:0] bytes_written_i,
  input  wire logic           [MacsW-1:0] macs_i,
  output      logic                       scalar_write_o,
  output      logic         [ScalarW-1:0] scalar_index_o,
  output      logic                [31:0] scalar_data_o,
  input  wire logic [Registers-1:0][31:0] scalar_i
);
  logic                clear_counters;
  logic [CounterW-1:0] counter_index;
  logic         [63:0] counter;

  csr #(
    .Rows    (Rows),
    .Columns (Columns),
    .PadBytes(PadBytes)
  ) u_csr (
    .clear_counters_o(clear_counters),
    .counter_index_o (counter_index),
    .counter_i       (counter),
    .*
  );

  counters #(
    .BytesMax(BytesMax),
    .MacsMax (Rows * Columns)
  ) u_counters (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .clear_i        (clear_counters),
    .cycle_i        (busy_i),
    .command_i      (dispatched_i),
    .busy_i         (engine_busy_i),
    .stalled_i      (engine_stalled_i),
    .bytes_read_i   (bytes_read_i),
    .bytes_written_i(bytes_written_i),
    .macs_i         (macs_i),
    .index_i        (counter_index),
    .value_o        (counter)
  );
endmodule
`default_nettype wire
