// dma_bench: the memory side of the accelerator by itself: load, store, command fetch, a scratchpad for tests.
//   one AXI4 master, watched by axi_monitor; engines and fetch have their ports at the top
// Golden: accel_models.golden.transfer. Combinational paths: those of the blocks. For simulation only.
`default_nettype none
module dma_bench #(
  parameter  int unsigned Rows      = 16,
  parameter  int unsigned Columns   = 16,
  parameter  int unsigned PadBytes  = 1 << 14,
  parameter  int unsigned BusBytes  = 8,
  parameter  int unsigned DmaSetup  = 3,
  parameter  int unsigned MaxBurst  = 64,
  localparam int unsigned DataW     = 8 * BusBytes,
  localparam int unsigned Lanes     = (Rows > Columns) ? Rows : Columns,
  localparam int unsigned WordBytes = 1 << $clog2((Lanes > BusBytes) ? Lanes : BusBytes)
) (
  input  wire logic                clk_i,
  input  wire logic                rst_ni,
  input  wire logic          [7:0] pad_stall_i,
  input  wire logic         [31:0] pad_seed_i,
  input  wire logic                pad_load_i,
  input  wire logic                pad_dump_i,
  input  wire logic                load_start_valid_i,
  output      logic                load_start_ready_o,
  input  wire logic        [511:0] load_command_i,
  output      logic                load_done_o,
  output      logic                load_stall_o,
  output      logic                load_error_o,
  output      logic                load_pad_error_o,
  output      logic                load_offset_error_o,
  input  wire logic                store_start_valid_i,
  output      logic                store_start_ready_o,
  input  wire logic        [511:0] store_command_i,
  output      logic                store_done_o,
  output      logic                store_stall_o,
  output      logic                store_error_o,
  output      logic                store_pad_error_o,
  output      logic                store_offset_error_o,
  input  wire logic                fetch_start_i,
  input  wire logic         [31:0] fetch_address_i,
  input  wire logic                fetch_flush_i,
  output      logic                fetch_busy_o,
  output      logic                fetch_error_o,
  output      logic                command_valid_o,
  input  wire logic                command_ready_i,
  output      logic        [511:0] command_o,
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
  logic                      fetch_ar_valid, fetch_ar_ready, fetch_r_valid, fetch_r_ready;
  logic                      load_ar_valid, load_ar_ready, load_r_valid, load_r_ready, r_error;
  logic               [31:0] fetch_ar_addr, load_ar_addr;
  logic                [7:0] fetch_ar_len, load_ar_len;
  logic          [DataW-1:0] r_data;
  logic                      write_valid, write_ready, write_list, read_valid, read_ready, read_list, unused_ids;
  logic               [19:0] write_addr, read_addr;
  logic [$clog2(WordBytes+1)-1:0] write_count;
  logic [$clog2(BusBytes+1)-1:0]  read_count;
  logic [WordBytes-1:0][7:0] write_data;
  logic  [BusBytes-1:0][7:0] read_data;
  logic               [31:0] list_data;

  assign m_axi_arid    = 1'b0;
  assign m_axi_arsize  = 3'($clog2(BusBytes));
  assign m_axi_arburst = 2'b01;
  assign m_axi_awid    = 1'b0;
  assign m_axi_awsize  = 3'($clog2(BusBytes));
  assign m_axi_awburst = 2'b01;
  assign unused_ids    = ^{m_axi_rid, m_axi_bid, m_axi_bresp[0], fetch_address_i[5:0], read_list};

  dma_load #(
    .Rows    (Rows),
    .Columns (Columns),
    .BusBytes(BusBytes),
    .DmaSetup(DmaSetup),
    .MaxBurst(MaxBurst)
  ) u_load (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .start_valid_i (load_start_valid_i),
    .start_ready_o (load_start_ready_o),
    .command_i     (load_command_i),
    .done_o        (load_done_o),
    .stall_o       (load_stall_o),
    .error_o       (load_error_o),
    .pad_error_o   (load_pad_error_o),
    .offset_error_o(load_offset_error_o),
    .ar_valid_o    (load_ar_valid),
    .ar_ready_i    (load_ar_ready),
    .ar_addr_o     (load_ar_addr),
    .ar_len_o      (load_ar_len),
    .r_valid_i     (load_r_valid),
    .r_ready_o     (load_r_ready),
    .r_data_i      (r_data),
    .r_error_i     (r_error),
    .pad_valid_o   (write_valid),
    .pad_ready_i   (write_ready),
    .pad_addr_o    (write_addr),
    .pad_count_o   (write_count),
    .pad_data_o    (write_data),
    .pad_list_o    (write_list),
    .list_data_i   (list_data)
  );

  dma_store #(
    .BusBytes(BusBytes),
    .DmaSetup(DmaSetup),
    .MaxBurst(MaxBurst)
  ) u_store (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .start_valid_i (store_start_valid_i),
    .start_ready_o (store_start_ready_o),
    .command_i     (store_command_i),
    .done_o        (store_done_o),
    .stall_o       (store_stall_o),
    .error_o       (store_error_o),
    .pad_error_o   (store_pad_error_o),
    .offset_error_o(store_offset_error_o),
    .aw_valid_o    (m_axi_awvalid),
    .aw_ready_i    (m_axi_awready),
    .aw_addr_o     (m_axi_awaddr),
    .aw_len_o      (m_axi_awlen),
    .w_valid_o     (m_axi_wvalid),
    .w_ready_i     (m_axi_wready),
    .w_data_o      (m_axi_wdata),
    .w_strb_o      (m_axi_wstrb),
    .w_last_o      (m_axi_wlast),
    .b_valid_i     (m_axi_bvalid),
    .b_ready_o     (m_axi_bready),
    .b_error_i     (m_axi_bresp[1]),
    .pad_valid_o   (read_valid),
    .pad_list_o    (read_list),
    .pad_ready_i   (read_ready),
    .pad_addr_o    (read_addr),
    .pad_count_o   (read_count),
    .pad_data_i    (read_data)
  );

  command_fetch #(
    .BusBytes(BusBytes)
  ) u_fetch (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .start_i        (fetch_start_i),
    .address_i      (fetch_address_i[31:6]),
    .flush_i        (fetch_flush_i),
    .busy_o         (fetch_busy_o),
    .error_o        (fetch_error_o),
    .ar_valid_o     (fetch_ar_valid),
    .ar_ready_i     (fetch_ar_ready),
    .ar_addr_o      (fetch_ar_addr),
    .ar_len_o       (fetch_ar_len),
    .r_valid_i      (fetch_r_valid),
    .r_ready_o      (fetch_r_ready),
    .r_data_i       (r_data),
    .r_error_i      (r_error),
    .command_valid_o(command_valid_o),
    .command_ready_i(command_ready_i),
    .command_o      (command_o)
  );

  axi_read_mux #(
    .BusBytes(BusBytes)
  ) u_mux (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .fetch_ar_valid_i(fetch_ar_valid),
    .fetch_ar_ready_o(fetch_ar_ready),
    .fetch_ar_addr_i (fetch_ar_addr),
    .fetch_ar_len_i  (fetch_ar_len),
    .fetch_r_valid_o (fetch_r_valid),
    .fetch_r_ready_i (fetch_r_ready),
    .load_ar_valid_i (load_ar_valid),
    .load_ar_ready_o (load_ar_ready),
    .load_ar_addr_i  (load_ar_addr),
    .load_ar_len_i   (load_ar_len),
    .load_r_valid_o  (load_r_valid),
    .load_r_ready_i  (load_r_ready),
    .r_data_o        (r_data),
    .r_error_o       (r_error),
    .ar_valid_o      (m_axi_arvalid),
    .ar_ready_i      (m_axi_arready),
    .ar_addr_o       (m_axi_araddr),
    .ar_len_o        (m_axi_arlen),
    .r_valid_i       (m_axi_rvalid),
    .r_ready_o       (m_axi_rready),
    .r_data_i        (m_axi_rdata),
    .r_resp_i        (m_axi_rresp),
    .r_last_i        (m_axi_rlast)
  );

  pad_memory #(
    .PadBytes  (PadBytes),
    .WriteBytes(WordBytes),
    .ReadBytes (BusBytes)
  ) u_pad (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .stall_i      (pad_stall_i),
    .seed_i       (pad_seed_i),
    .load_i       (pad_load_i),
    .dump_i       (pad_dump_i),
    .write_valid_i(write_valid),
    .write_ready_o(write_ready),
    .write_addr_i (write_addr),
    .write_count_i(write_count),
    .write_data_i (write_data),
    .write_list_i (write_list),
    .list_data_o  (list_data),
    .read_valid_i (read_valid),
    .read_ready_o (read_ready),
    .read_addr_i  (read_addr),
    .read_count_i (read_count),
    .read_data_o  (read_data)
  );

  axi_monitor #(
    .BusBytes(BusBytes),
    .MaxBurst((MaxBurst > 64 / BusBytes) ? MaxBurst : 64 / BusBytes)  // a command is one burst
  ) u_monitor (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .araddr (m_axi_araddr),
    .arlen  (m_axi_arlen),
    .arsize (m_axi_arsize),
    .arburst(m_axi_arburst),
    .arvalid(m_axi_arvalid),
    .arready(m_axi_arready),
    .rdata  (m_axi_rdata),
    .rresp  (m_axi_rresp),
    .rlast  (m_axi_rlast),
    .rvalid (m_axi_rvalid),
    .rready (m_axi_rready),
    .awaddr (m_axi_awaddr),
    .awlen  (m_axi_awlen),
    .awsize (m_axi_awsize),
    .awburst(m_axi_awburst),
    .awvalid(m_axi_awvalid),
    .awready(m_axi_awready),
    .wdata  (m_axi_wdata),
    .wstrb  (m_axi_wstrb),
    .wlast  (m_axi_wlast),
    .wvalid (m_axi_wvalid),
    .wready (m_axi_wready),
    .bresp  (m_axi_bresp),
    .bvalid (m_axi_bvalid),
    .bready (m_axi_bready)
  );
endmodule
`default_nettype wire
