// accelerator: the whole accelerator: AXI4-Lite registers, one AXI4 master, an interrupt.
//   runs segments of commands, accel_models.commands, from memory; how to use it: accel_models.registers
// Golden: accel_models.golden.machine. Cycles: accel_models.timing. Latency: a segment is busy from the cycle after its
// start pulse to the cycle in which End leaves. Combinational paths: inside the AXI4-Lite slave, see csr.
`default_nettype none
module accelerator #(
  parameter  int unsigned Rows       = 4,
  parameter  int unsigned Columns    = 4,
  parameter  int unsigned PadBytes   = 16384,
  parameter  int unsigned Banks      = 8,
  parameter  int unsigned Entries    = 512,
  parameter  int unsigned BusBytes   = 8,
  parameter  int unsigned QueueDepth = 8,
  parameter  int unsigned TokenDepth = 63,
  parameter  int unsigned MultW      = 31,
  parameter  int unsigned DmaSetup   = 6,
  parameter  int unsigned MaxBurst   = 64,
  localparam int unsigned DataW      = 8 * BusBytes,
  localparam int unsigned AddressW   = $clog2(accel_pkg::CsrBytes)
) (
  input  wire logic                clk_i,
  input  wire logic                rst_ni,
  output      logic                irq_o,
  input  wire logic [AddressW-1:0] s_axil_awaddr,
  input  wire logic          [2:0] s_axil_awprot,
  input  wire logic                s_axil_awvalid,
  output      logic                s_axil_awready,
  input  wire logic         [31:0] s_axil_wdata,
  input  wire logic          [3:0] s_axil_wstrb,
  input  wire logic                s_axil_wvalid,
  output      logic                s_axil_wready,
  output      logic          [1:0] s_axil_bresp,
  output      logic                s_axil_bvalid,
  input  wire logic                s_axil_bready,
  input  wire logic [AddressW-1:0] s_axil_araddr,
  input  wire logic          [2:0] s_axil_arprot,
  input  wire logic                s_axil_arvalid,
  output      logic                s_axil_arready,
  output      logic         [31:0] s_axil_rdata,
  output      logic          [1:0] s_axil_rresp,
  output      logic                s_axil_rvalid,
  input  wire logic                s_axil_rready,
  output      logic          [0:0] m_axi_arid,
  output      logic         [31:0] m_axi_araddr,
  output      logic          [7:0] m_axi_arlen,
  output      logic          [2:0] m_axi_arsize,
  output      logic          [1:0] m_axi_arburst,
  output      logic                m_axi_arvalid,
  input  wire logic                m_axi_arready,
  input  wire logic          [0:0] m_axi_rid,
  input  wire logic    [DataW-1:0] m_axi_rdata,
  input  wire logic          [1:0] m_axi_rresp,
  input  wire logic                m_axi_rlast,
  input  wire logic                m_axi_rvalid,
  output      logic                m_axi_rready,
  output      logic          [0:0] m_axi_awid,
  output      logic         [31:0] m_axi_awaddr,
  output      logic          [7:0] m_axi_awlen,
  output      logic          [2:0] m_axi_awsize,
  output      logic          [1:0] m_axi_awburst,
  output      logic                m_axi_awvalid,
  input  wire logic                m_axi_awready,
  output      logic    [DataW-1:0] m_axi_wdata,
  output      logic [BusBytes-1:0] m_axi_wstrb,
  output      logic                m_axi_wlast,
  output      logic                m_axi_wvalid,
  input  wire logic                m_axi_wready,
  input  wire logic          [0:0] m_axi_bid,
  input  wire logic          [1:0] m_axi_bresp,
  input  wire logic                m_axi_bvalid,
  output      logic                m_axi_bready
);
  localparam int unsigned Engines   = accel_pkg::Engines, MacsW = $clog2(Rows * Columns + 1);
  localparam int unsigned Load      = accel_pkg::EngineLoad,   Store  = accel_pkg::EngineStore;
  localparam int unsigned Matrix    = accel_pkg::EngineMatrix, Vector = accel_pkg::EngineVector;
  localparam int unsigned Lanes     = (Rows > Columns) ? Rows : Columns;
  localparam int unsigned WordBytes = 1 << $clog2((Lanes > BusBytes) ? Lanes : BusBytes);
  localparam int unsigned CountW    = $clog2(WordBytes + 1), BusW = $clog2(BusBytes + 1);

  logic unused_ids;  // one ID, whole beats, INCR
  assign {m_axi_arid, m_axi_arsize, m_axi_arburst} = {1'b0, 3'($clog2(BusBytes)), 2'b01};
  assign {m_axi_awid, m_axi_awsize, m_axi_awburst} = {1'b0, 3'($clog2(BusBytes)), 2'b01};
  assign unused_ids = ^{m_axi_rid, m_axi_bid};

  logic                                start, busy, done, failed, dispatched, host_write;
  logic                          [3:0] cause, error_cause, bus_cause, core_cause;
  logic                          [4:0] host_index, register_index;
  logic                         [31:0] command_address, host_data, register_value;
  logic [accel_pkg::Registers-1:0][31:0] scalars;
  logic                  [Engines-1:0] engine_busy, engine_stalled;
  logic                   [CountW-1:0] bytes_read;
  logic                     [BusW-1:0] bytes_written;
  logic                    [MacsW-1:0] macs;
  host #(
    .Rows    (Rows),
    .Columns (Columns),
    .PadBytes(PadBytes),
    .BytesMax(WordBytes)
  ) u_host (
    .start_o          (start),
    .command_address_o(command_address),
    .busy_i           (busy),
    .done_i           (done),
    .failed_i         (failed),
    .cause_i          (cause),
    .dispatched_i     (dispatched),
    .engine_busy_i    (engine_busy),
    .engine_stalled_i (engine_stalled),
    .bytes_read_i     (bytes_read),
    .bytes_written_i  (CountW'(bytes_written)),
    .macs_i           (macs),
    .scalar_write_o   (host_write),
    .scalar_index_o   (host_index),
    .scalar_data_o    (host_data),
    .scalar_i         (scalars),
    .*
  );

  logic [Engines-1:0]       start_valid, start_ready, engine_done, engine_stall;
  logic [Engines-1:0][511:0] engine_command;
  logic                     fetch_start, fetch_stop, fetch_busy, command_valid, command_ready, error, register_write;
  logic             [511:0] command;
  control #(
    .QueueDepth(QueueDepth),
    .TokenDepth(TokenDepth)
  ) u_control (
    .start_i         (start),
    .busy_o          (busy),
    .done_o          (done),
    .failed_o        (failed),
    .cause_o         (cause),
    .dispatched_o    (dispatched),
    .fetch_start_o   (fetch_start),
    .fetch_stop_o    (fetch_stop),
    .fetch_busy_i    (fetch_busy),
    .command_valid_i (command_valid),
    .command_ready_o (command_ready),
    .command_i       (command),
    .start_valid_o   (start_valid),
    .start_ready_i   (start_ready),
    .command_o       (engine_command),
    .done_i          (engine_done),
    .stall_i         (engine_stall),
    .error_i         (error),
    .error_cause_i   (error_cause),
    .engine_busy_o   (engine_busy),
    .engine_stalled_o(engine_stalled),
    .scalar_write_i  (register_write),
    .scalar_index_i  (register_index),
    .scalar_data_i   (register_value),
    .host_write_i    (host_write),
    .host_index_i    (host_index),
    .host_data_i     (host_data),
    .scalar_o        (scalars),
    .*
  );

  logic                      write_valid, write_ready, write_list, read_valid, read_ready, bus_error, core_error;
  logic               [19:0] write_addr, read_addr;
  logic           [BusW-1:0] read_count;
  logic         [CountW-1:0] write_count;
  logic [WordBytes-1:0][7:0] write_data;
  logic  [BusBytes-1:0][7:0] read_data;
  logic               [31:0] list_data;
  assign error       = bus_error || core_error;
  assign error_cause = bus_error ? bus_cause : core_cause;
  bus_master #(
    .Rows    (Rows),
    .Columns (Columns),
    .BusBytes(BusBytes),
    .DmaSetup(DmaSetup),
    .MaxBurst(MaxBurst)
  ) u_bus (
    .fetch_start_i  (fetch_start),
    .fetch_address_i(command_address),
    .fetch_stop_i   (fetch_stop),
    .fetch_busy_o   (fetch_busy),
    .command_valid_o(command_valid),
    .command_ready_i(command_ready),
    .command_o      (command),
    .load_valid_i   (start_valid[Load]),
    .load_ready_o   (start_ready[Load]),
    .load_command_i (engine_command[Load]),
    .load_done_o    (engine_done[Load]),
    .load_stall_o   (engine_stall[Load]),
    .store_valid_i  (start_valid[Store]),
    .store_ready_o  (start_ready[Store]),
    .store_command_i(engine_command[Store]),
    .store_done_o   (engine_done[Store]),
    .store_stall_o  (engine_stall[Store]),
    .error_o        (bus_error),
    .error_cause_o  (bus_cause),
    .bytes_read_o   (bytes_read),
    .bytes_written_o(bytes_written),
    .write_valid_o  (write_valid),
    .write_ready_i  (write_ready),
    .write_addr_o   (write_addr),
    .write_count_o  (write_count),
    .write_data_o   (write_data),
    .write_list_o   (write_list),
    .list_data_i    (list_data),
    .read_valid_o   (read_valid),
    .read_ready_i   (read_ready),
    .read_addr_o    (read_addr),
    .read_count_o   (read_count),
    .read_data_i    (read_data),
    .*
  );
  datapath #(
    .Rows    (Rows),
    .Columns (Columns),
    .PadBytes(PadBytes),
    .Banks   (Banks),
    .Entries (Entries),
    .BusBytes(BusBytes),
    .MultW   (MultW)
  ) u_datapath (
    .matrix_valid_i  (start_valid[Matrix]),
    .matrix_ready_o  (start_ready[Matrix]),
    .matrix_command_i(engine_command[Matrix]),
    .matrix_done_o   (engine_done[Matrix]),
    .matrix_stall_o  (engine_stall[Matrix]),
    .macs_o          (macs),
    .vector_valid_i  (start_valid[Vector]),
    .vector_ready_o  (start_ready[Vector]),
    .vector_command_i(engine_command[Vector]),
    .vector_done_o   (engine_done[Vector]),
    .vector_stall_o  (engine_stall[Vector]),
    .registers_i     (scalars),
    .register_write_o(register_write),
    .register_index_o(register_index),
    .register_value_o(register_value),
    .write_valid_i   (write_valid),
    .write_ready_o   (write_ready),
    .write_addr_i    (write_addr),
    .write_count_i   (write_count),
    .write_data_i    (write_data),
    .write_list_i    (write_list),
    .list_data_o     (list_data),
    .read_valid_i    (read_valid),
    .read_ready_o    (read_ready),
    .read_addr_i     (read_addr),
    .read_count_i    (read_count),
    .read_data_o     (read_data),
    .error_o         (core_error),
    .error_cause_o   (core_cause),
    .*
  );
endmodule
`default_nettype wire
