// bus_master: what uses the AXI4 master: command fetch and load on its read channels, store on its write channels.
//   wiring of command_fetch, dma_load, dma_store and axi_read_mux; counts the bytes of loads and stores
// Golden: accel_models.golden.transfer. Latency and combinational paths: those of the four blocks.
`default_nettype none
module bus_master #(
  parameter  int unsigned Rows      = 16,
  parameter  int unsigned Columns   = 16,
  parameter  int unsigned BusBytes  = 8,
  parameter  int unsigned DmaSetup  = 6,
  parameter  int unsigned MaxBurst  = 64,
  localparam int unsigned DataW     = 8 * BusBytes,
  localparam int unsigned Lanes     = (Rows > Columns) ? Rows : Columns,
  localparam int unsigned WordBytes = 1 << $clog2((Lanes > BusBytes) ? Lanes : BusBytes),
  localparam int unsigned CountW    = $clog2(WordBytes + 1),
  localparam int unsigned BusW      = $clog2(BusBytes + 1)
) (
  input  wire logic                      clk_i,
  input  wire logic                      rst_ni,
  input  wire logic                      fetch_start_i,
  input  wire logic               [31:0] fetch_address_i,
  input  wire logic                      fetch_stop_i,
  output      logic                      fetch_busy_o,
  output      logic                      command_valid_o,
  input  wire logic                      command_ready_i,
  output      logic              [511:0] command_o,
  input  wire logic                      load_valid_i,         // start of a Load or Fill
  output      logic                      load_ready_o,
  input  wire logic              [511:0] load_command_i,
  output      logic                      load_done_o,
  output      logic                      load_stall_o,
  input  wire logic                      store_valid_i,        // start of a Store
  output      logic                      store_ready_o,
  input  wire logic              [511:0] store_command_i,
  output      logic                      store_done_o,
  output      logic                      store_stall_o,
  output      logic                      error_o,
  output      logic                [3:0] error_cause_o,
  output      logic         [CountW-1:0] bytes_read_o,         // by loads, in this cycle
  output      logic           [BusW-1:0] bytes_written_o,      // by stores
  output      logic                      write_valid_o,        // scratchpad
  input  wire logic                      write_ready_i,
  output      logic               [19:0] write_addr_o,
  output      logic         [CountW-1:0] write_count_o,
  output      logic [WordBytes-1:0][7:0] write_data_o,
  output      logic                      write_list_o,         // reads an entry of a row list instead
  input  wire logic               [31:0] list_data_i,
  output      logic                      read_valid_o,
  input  wire logic                      read_ready_i,
  output      logic               [19:0] read_addr_o,
  output      logic           [BusW-1:0] read_count_o,
  input  wire logic  [BusBytes-1:0][7:0] read_data_i,
  output      logic               [31:0] m_axi_araddr,
  output      logic                [7:0] m_axi_arlen,
  output      logic                      m_axi_arvalid,
  input  wire logic                      m_axi_arready,
  input  wire logic          [DataW-1:0] m_axi_rdata,
  input  wire logic                [1:0] m_axi_rresp,
  input  wire logic                      m_axi_rlast,
  input  wire logic                      m_axi_rvalid,
  output      logic                      m_axi_rready,
  output      logic               [31:0] m_axi_awaddr,
  output      logic                [7:0] m_axi_awlen,
  output      logic                      m_axi_awvalid,
  input  wire logic                      m_axi_awready,
  output      logic          [DataW-1:0] m_axi_wdata,
  output      logic       [BusBytes-1:0] m_axi_wstrb,
  output      logic                      m_axi_wlast,
  output      logic                      m_axi_wvalid,
  input  wire logic                      m_axi_wready,
  input  wire logic                [1:0] m_axi_bresp,
  input  wire logic                      m_axi_bvalid,
  output      logic                      m_axi_bready
);
  logic             fetch_ar_valid, fetch_ar_ready, fetch_r_valid, fetch_r_ready;
  logic             load_ar_valid, load_ar_ready, load_r_valid, load_r_ready, r_error;
  logic             fetch_error, load_error, load_pad_error, store_error, store_pad_error;
  logic             load_offset_error, store_offset_error, read_list;
  logic      [31:0] fetch_ar_addr, load_ar_addr;
  logic       [7:0] fetch_ar_len, load_ar_len;
  logic [DataW-1:0] r_data;

  // A Fill writes into the scratchpad what no one read.
  logic fill_q, unused;
  always_ff @(posedge clk_i) begin
    if (load_valid_i && load_ready_o) begin
      fill_q <= load_command_i[accel_pkg::OpcodeLsb +: accel_pkg::OpcodeW] == accel_pkg::OpcodeFill;
    end
  end
  assign bytes_read_o    = (write_valid_o && write_ready_i && !fill_q && !write_list_o) ? write_count_o : '0;
  assign bytes_written_o = (read_valid_o && read_ready_i && !read_list) ? read_count_o : '0;
  assign error_o         = fetch_error || load_error || store_error || load_pad_error || store_pad_error ||
                           load_offset_error || store_offset_error;
  assign error_cause_o   = fetch_error ? accel_pkg::CauseCommandRead : load_error  ? accel_pkg::CauseBusRead :
                           store_error ? accel_pkg::CauseBusWrite :
                           (load_pad_error || store_pad_error) ? accel_pkg::CauseScratchpadRange :
                                                                 accel_pkg::CauseFieldRange;
  assign unused          = ^{fetch_address_i[5:0], m_axi_bresp[0]};

  command_fetch #(
    .BusBytes(BusBytes),
    .Depth   (accel_pkg::CommandFetchAhead)
  ) u_fetch (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .start_i        (fetch_start_i),
    .address_i      (fetch_address_i[31:6]),
    .flush_i        (fetch_stop_i),
    .busy_o         (fetch_busy_o),
    .error_o        (fetch_error),
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

  dma_load #(
    .Rows    (Rows),
    .Columns (Columns),
    .BusBytes(BusBytes),
    .DmaSetup(DmaSetup),
    .MaxBurst(MaxBurst)
  ) u_load (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .start_valid_i (load_valid_i),
    .start_ready_o (load_ready_o),
    .command_i     (load_command_i),
    .done_o        (load_done_o),
    .stall_o       (load_stall_o),
    .error_o       (load_error),
    .pad_error_o   (load_pad_error),
    .offset_error_o(load_offset_error),
    .ar_valid_o    (load_ar_valid),
    .ar_ready_i    (load_ar_ready),
    .ar_addr_o     (load_ar_addr),
    .ar_len_o      (load_ar_len),
    .r_valid_i     (load_r_valid),
    .r_ready_o     (load_r_ready),
    .r_data_i      (r_data),
    .r_error_i     (r_error),
    .pad_valid_o   (write_valid_o),
    .pad_ready_i   (write_ready_i),
    .pad_addr_o    (write_addr_o),
    .pad_count_o   (write_count_o),
    .pad_data_o    (write_data_o),
    .pad_list_o    (write_list_o),
    .list_data_i   (list_data_i)
  );

  dma_store #(
    .BusBytes(BusBytes),
    .DmaSetup(DmaSetup),
    .MaxBurst(MaxBurst)
  ) u_store (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .start_valid_i (store_valid_i),
    .start_ready_o (store_ready_o),
    .command_i     (store_command_i),
    .done_o        (store_done_o),
    .stall_o       (store_stall_o),
    .error_o       (store_error),
    .pad_error_o   (store_pad_error),
    .offset_error_o(store_offset_error),
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
    .pad_valid_o   (read_valid_o),
    .pad_list_o    (read_list),
    .pad_ready_i   (read_ready_i),
    .pad_addr_o    (read_addr_o),
    .pad_count_o   (read_count_o),
    .pad_data_i    (read_data_i)
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
endmodule
`default_nettype wire
