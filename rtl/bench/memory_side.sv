// memory_side: dma_bench on the AXI4 memory of the bench; a small copy of each memory.
//   ports of dma_bench and of axi_memory
// Golden: accel_models.golden.transfer. Combinational paths: those of the blocks. For simulation only.
`default_nettype none
module memory_side #(
  parameter  int unsigned Rows     = 16,
  parameter  int unsigned Columns  = 16,
  parameter  int unsigned PadBytes = 1 << 14,
  parameter  int unsigned BusBytes = 8,
  parameter  int unsigned DmaSetup = 3,
  parameter  int unsigned MaxBurst = 64,
  localparam int unsigned DataW    = 8 * BusBytes
) (
  input  wire logic                   clk_i,
  input  wire logic                   rst_ni,
  input  wire logic       [2:0][31:0] bytes_i,
  input  wire logic       [2:0][15:0] latency_i,
  input  wire logic       [2:0][31:0] beat_i,
  input  wire logic             [7:0] stall_i,
  input  wire logic            [31:0] seed_i,
  input  wire logic             [2:0] mem_load_i,
  input  wire logic             [2:0] mem_dump_i,
  input  wire logic             [7:0] pad_stall_i,
  input  wire logic            [31:0] pad_seed_i,
  input  wire logic                   pad_load_i,
  input  wire logic                   pad_dump_i,
  input  wire logic                   load_start_valid_i,
  output      logic                   load_start_ready_o,
  input  wire logic           [511:0] load_command_i,
  output      logic                   load_done_o,
  output      logic                   load_stall_o,
  output      logic                   load_error_o,
  output      logic                   load_pad_error_o,
  output      logic                   load_offset_error_o,
  input  wire logic                   store_start_valid_i,
  output      logic                   store_start_ready_o,
  input  wire logic           [511:0] store_command_i,
  output      logic                   store_done_o,
  output      logic                   store_stall_o,
  output      logic                   store_error_o,
  output      logic                   store_pad_error_o,
  output      logic                   store_offset_error_o,
  input  wire logic                   fetch_start_i,
  input  wire logic            [31:0] fetch_address_i,
  input  wire logic                   fetch_flush_i,
  output      logic                   fetch_busy_o,
  output      logic                   fetch_error_o,
  output      logic                   command_valid_o,
  input  wire logic                   command_ready_i,
  output      logic           [511:0] command_o
);
  logic          [0:0] arid;
  logic         [31:0] araddr;
  logic          [7:0] arlen;
  logic          [2:0] arsize;
  logic          [1:0] arburst;
  logic                arvalid;
  logic                arready;
  logic          [0:0] rid;
  logic    [DataW-1:0] rdata;
  logic          [1:0] rresp;
  logic                rlast;
  logic                rvalid;
  logic                rready;
  logic          [0:0] awid;
  logic         [31:0] awaddr;
  logic          [7:0] awlen;
  logic          [2:0] awsize;
  logic          [1:0] awburst;
  logic                awvalid;
  logic                awready;
  logic    [DataW-1:0] wdata;
  logic [BusBytes-1:0] wstrb;
  logic                wlast;
  logic                wvalid;
  logic                wready;
  logic          [0:0] bid;
  logic          [1:0] bresp;
  logic                bvalid;
  logic                bready;
  logic                unused_sizes;
  assign unused_sizes = ^{arsize, arburst, awsize, awburst};

  dma_bench #(
    .Rows    (Rows),
    .Columns (Columns),
    .PadBytes(PadBytes),
    .BusBytes(BusBytes),
    .DmaSetup(DmaSetup),
    .MaxBurst(MaxBurst)
  ) u_bench (
    .clk_i               (clk_i),
    .rst_ni              (rst_ni),
    .pad_stall_i         (pad_stall_i),
    .pad_seed_i          (pad_seed_i),
    .pad_load_i          (pad_load_i),
    .pad_dump_i          (pad_dump_i),
    .load_start_valid_i  (load_start_valid_i),
    .load_start_ready_o  (load_start_ready_o),
    .load_command_i      (load_command_i),
    .load_done_o         (load_done_o),
    .load_stall_o        (load_stall_o),
    .load_error_o        (load_error_o),
    .load_pad_error_o    (load_pad_error_o),
    .load_offset_error_o (load_offset_error_o),
    .store_start_valid_i (store_start_valid_i),
    .store_start_ready_o (store_start_ready_o),
    .store_command_i     (store_command_i),
    .store_done_o        (store_done_o),
    .store_stall_o       (store_stall_o),
    .store_error_o       (store_error_o),
    .store_pad_error_o   (store_pad_error_o),
    .store_offset_error_o(store_offset_error_o),
    .fetch_start_i       (fetch_start_i),
    .fetch_address_i     (fetch_address_i),
    .fetch_flush_i       (fetch_flush_i),
    .fetch_busy_o        (fetch_busy_o),
    .fetch_error_o       (fetch_error_o),
    .command_valid_o     (command_valid_o),
    .command_ready_i     (command_ready_i),
    .command_o           (command_o),
    .m_axi_arid          (arid),
    .m_axi_araddr        (araddr),
    .m_axi_arlen         (arlen),
    .m_axi_arsize        (arsize),
    .m_axi_arburst       (arburst),
    .m_axi_arvalid       (arvalid),
    .m_axi_arready       (arready),
    .m_axi_rid           (rid),
    .m_axi_rdata         (rdata),
    .m_axi_rresp         (rresp),
    .m_axi_rlast         (rlast),
    .m_axi_rvalid        (rvalid),
    .m_axi_rready        (rready),
    .m_axi_awid          (awid),
    .m_axi_awaddr        (awaddr),
    .m_axi_awlen         (awlen),
    .m_axi_awsize        (awsize),
    .m_axi_awburst       (awburst),
    .m_axi_awvalid       (awvalid),
    .m_axi_awready       (awready),
    .m_axi_wdata         (wdata),
    .m_axi_wstrb         (wstrb),
    .m_axi_wlast         (wlast),
    .m_axi_wvalid        (wvalid),
    .m_axi_wready        (wready),
    .m_axi_bid           (bid),
    .m_axi_bresp         (bresp),
    .m_axi_bvalid        (bvalid),
    .m_axi_bready        (bready)
  );

  axi_memory #(
    .BusBytes     (BusBytes),
    .FlashBytes   (1 << 14),
    .SramBytes    (1 << 15),
    .ExternalBytes(1 << 14)
  ) u_memory (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .bytes_i      (bytes_i),
    .latency_i    (latency_i),
    .beat_i       (beat_i),
    .stall_i      (stall_i),
    .seed_i       (seed_i),
    .load_i       (mem_load_i),
    .dump_i       (mem_dump_i),
    .s_axi_arid   (arid),
    .s_axi_araddr (araddr),
    .s_axi_arlen  (arlen),
    .s_axi_arvalid(arvalid),
    .s_axi_arready(arready),
    .s_axi_rid    (rid),
    .s_axi_rdata  (rdata),
    .s_axi_rresp  (rresp),
    .s_axi_rlast  (rlast),
    .s_axi_rvalid (rvalid),
    .s_axi_rready (rready),
    .s_axi_awid   (awid),
    .s_axi_awaddr (awaddr),
    .s_axi_awlen  (awlen),
    .s_axi_awvalid(awvalid),
    .s_axi_awready(awready),
    .s_axi_wdata  (wdata),
    .s_axi_wstrb  (wstrb),
    .s_axi_wlast  (wlast),
    .s_axi_wvalid (wvalid),
    .s_axi_wready (wready),
    .s_axi_bid    (bid),
    .s_axi_bresp  (bresp),
    .s_axi_bvalid (bvalid),
    .s_axi_bready (bready)
  );
endmodule
`default_nettype wire
